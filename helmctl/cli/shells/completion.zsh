#compdef @P@
# zsh completion of @P@. It asks the program, so it fits whatever version is there.
_@F@() {
    local out line word program=${(Q)words[1]}
    local -a lines found more
    local -i directive
    [[ $program != '~/'* ]] || program=$HOME/${program#'~/'}
    (( $+commands[$program] )) || [[ $program == */* && -x $program ]] || program=@P@
    out=$("$program" @C@ "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null) || return 1
    lines=("${(@f)out}")
    [[ $lines[-1] == :<-> ]] || return 1
    directive=${lines[-1]#:}
    (( directive & 1 )) && return 1
    [[ $PREFIX != -*=* ]] || compset -P '*='
    for line in "${(@)lines[1,-2]}"; do
        word=${${line%%$'\t'*}//:/\\:}
        [[ $line != *$'\t'* ]] || word+=:${line#*$'\t'}
        found+=("$word")
    done
    (( directive & 2 )) && more=(-S '')
    if (( $#found )); then
        _describe -V @P@ found $more
    elif (( directive & 16 )); then
        _files -/
    elif (( ! (directive & 4) )); then
        _files
    else
        return 1
    fi
}
if [[ $funcstack[1] == _@F@ ]]; then
    _@F@ "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
    compdef _@F@ @P@
fi

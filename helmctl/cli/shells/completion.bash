# bash completion of @P@. It asks the program, so it fits whatever version is there, and needs nothing but bash.
_@F@_words() {
    local line=${COMP_LINE:0:${COMP_POINT:-0}} word rest out directive value prefix='' cut='' i n=0 width=0 tab=$'\t'
    local -a words=() found=() help=()
    COMPREPLY=()
    # readline parts words at "=" and ":", too: here only blanks part them
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ -n $COMP_LINE ]]; then
            rest=${line#"${line%%[![:blank:]]*}"}
            ((i < COMP_CWORD)) || word=$rest
            if ((n > 0)) && [[ $rest == "$line" ]]; then
                words[n - 1]+=$word
                line=${rest#"$word"}
                continue
            fi
            line=${rest#"$word"}
        fi
        words[n]=$word
        n=$((n + 1))
    done
    for ((i = 0; i < n; i++)); do
        word=${words[i]//[\\\"\']/}
        [[ $word != "~/"* ]] || word=$HOME/${word:2}
        words[i]=$word
    done
    type -P -- "${words[0]}" >/dev/null 2>&1 || words[0]=@P@
    out=$("${words[0]}" @C@ "${words[@]:1}" 2>/dev/null) || return 0
    directive=${out##*:}
    [[ $directive =~ ^[0-9]+$ ]] || return 0
    ((directive & 1)) && return 0
    # what readline takes for a word begins behind the last "=" or ":"
    value=${words[n - 1]}
    if [[ $value == -*=* ]]; then
        [[ $COMP_WORDBREAKS == *=* ]] || prefix=${value%%=*}=
        value=${value#*=}
    fi
    [[ $COMP_WORDBREAKS != *:* ]] || cut=${value%"${value##*:}"}
    while IFS= read -r line; do
        [[ -n $line && $line != :* ]] || continue
        word=${line%%"$tab"*}
        found+=("$prefix${word#"$cut"}")
        help+=("${line:${#word}+1}")
        ((${#word} <= width)) || width=${#word}
    done <<<"$out"
    if type compopt >/dev/null 2>&1; then
        ((directive & 2)) && compopt -o nospace
        ((directive & 4)) && compopt +o default
        ((directive & 32)) && compopt -o nosort # 4.4 and newer
    fi 2>/dev/null
    if ((directive & 16)); then
        while IFS= read -r line; do COMPREPLY+=("$prefix$line"); done < <(compgen -d -- "$value")
        compopt -o filenames 2>/dev/null
        return 0
    fi
    COMPREPLY=(${found[@]+"${found[@]}"})
    # A list for the eye carries the help along; what is inserted does not (37, 42: menus, insert all).
    ((${#found[@]} > 1)) && [[ ${COMP_TYPE:-0} != 37 && ${COMP_TYPE:-0} != 42 ]] || return 0
    for ((i = 0; i < ${#found[@]}; i++)); do
        [[ -n ${help[i]} ]] || continue
        printf -v line '%-*s  (%s)' "$width" "${found[i]}" "${help[i]}"
        ((${#line} < ${COLUMNS:-80})) || line=${line:0:${COLUMNS:-80} - 4}...
        COMPREPLY[i]=$line
    done
    return 0
}
complete -o default -F _@F@_words @P@

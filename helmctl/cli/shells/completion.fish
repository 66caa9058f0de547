# fish completion of @P@. It asks the program, so it fits whatever version is there.
function __@F@_words
    set -l words (commandline -opc)
    set -l word (commandline -ct | string collect)
    set -l program $words[1]
    set -e words[1]
    set word (string replace -r -- '^["\']' '' $word | string collect)
    string match -q -- '~/*' $program; and set program (string replace -- '~' $HOME $program)
    type -q -- $program; or set program @P@
    set -l lines ($program @C@ $words "$word" 2>/dev/null); or return
    string match -qr -- '^:[0-9]+$' "$lines[-1]"; or return
    set -l directive (string sub -s 2 -- $lines[-1])
    set -e lines[-1]
    test (math "bitand($directive, 1)") -eq 0; or return
    # fish wants the flag in front of the value
    set -l prefix (string match -r -- '^-[^=]*=' "$word")
    if set -q lines[1]
        printf '%s\n' "$prefix"$lines
    else if test (math "bitand($directive, 16)") -ne 0
        __fish_complete_directories "$word" ''
    else if test (math "bitand($directive, 4)") -eq 0
        __fish_complete_path "$word" ''
    end
end
complete -c @P@ -e
complete -c @P@ -k -f -a '(__@F@_words)'

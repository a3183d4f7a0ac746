#compdef gorctl
# SPDX-License-Identifier: MIT
# zsh completes the words of gorctl; it asks gorctl itself what there is.

_gorctl() {
    local -a lines candidates
    local line value about
    local -a suffix
    lines=("${(@f)$(_call_program gorctl ${(q)words[1]} complete -- ${(@q)${(@Q)words[2,CURRENT-1]}} ${(q)${(Q)PREFIX}} 2>/dev/null)}")
    case $lines[1] in
    words|nospace)
        [[ $lines[1] == nospace ]] && suffix=(-S '')
        for line in "${(@)lines[2,-1]}"; do
            value=${line%%$'\t'*}
            about=${line#*$'\t'}
            candidates+=("${value//:/\\:}${about:+:$about}")
        done
        _describe -V 'gorctl' candidates "${suffix[@]}"
        ;;
    files)
        compset -P '--*='
        _files
        ;;
    folders)
        compset -P '--*='
        _files -/
        ;;
    command*)
        integer first=${lines[1]#command }
        shift $first words
        (( CURRENT -= first ))
        _normal
        ;;
    esac
}

# Read by compinit it is the function's own body; by `source` it only defines it.
if [[ $funcstack[1] == _gorctl ]]; then
    _gorctl "$@"
else
    compdef _gorctl gorctl
fi

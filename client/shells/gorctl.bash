# SPDX-License-Identifier: MIT
# bash completes the words of gorctl; it asks gorctl itself what there is. Needs bash 4.4.
#
# bash cuts the line at = and : as well as at blanks, and replaces only the last piece. gorctl gets whole
# words, and what it answers loses the part that stands before that piece.

# Sets words, as the shell would make them of the line up to the cursor, and starts: where each begins in
# COMP_WORDS.
_gorctl_words() {
    local rest=${COMP_LINE:0:COMP_POINT} blanks piece i
    words=() starts=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        blanks=${rest%%[![:blank:]]*}
        rest=${rest#"$blanks"}
        piece=${COMP_WORDS[i]}
        if ((i == COMP_CWORD)); then
            piece=$rest
        fi
        rest=${rest#"$piece"}
        if ((i > 0)) && [[ -z $blanks && -n $piece ]]; then
            words[-1]+=$piece
        else
            words+=("$piece") starts+=("$i")
        fi
    done
    words=("${words[@]//[\\\"\']/}")
}

# Takes the part of the word away that bash will not replace: up to the last = or : it has cut at.
_gorctl_cut() {
    local word=$1 character i
    for ((i = ${#word}; i > 0; i--)); do
        character=${word:i-1:1}
        if [[ $character == [=:] && $COMP_WORDBREAKS == *"$character"* ]]; then
            COMPREPLY=("${COMPREPLY[@]#"${word:0:i}"}")
            return
        fi
    done
}

_gorctl_paths() {
    local word=$1 value=$1
    compopt -o filenames 2>/dev/null
    if [[ $word == --*=* ]]; then
        value=${word#*=}
    fi
    mapfile -t COMPREPLY < <(compgen "$2" -- "$value")
}

_gorctl_command() {
    local first=${starts[$1]}
    if ((COMP_CWORD == first)); then
        mapfile -t COMPREPLY < <(compgen -c -- "${words[-1]}")
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$first"
    else
        _gorctl_paths "${words[-1]}" -f
    fi
}

_gorctl() {
    local words starts lines
    COMPREPLY=()
    _gorctl_words
    mapfile -t lines < <("${COMP_WORDS[0]}" complete -- "${words[@]:1}" 2>/dev/null)
    case ${lines[0]} in
    words | nospace)
        COMPREPLY=("${lines[@]:1}")
        COMPREPLY=("${COMPREPLY[@]%%$'\t'*}")
        [[ ${lines[0]} == nospace ]] && compopt -o nospace 2>/dev/null
        _gorctl_cut "${words[-1]}"
        ;;
    files) _gorctl_paths "${words[-1]}" -f ;;
    folders) _gorctl_paths "${words[-1]}" -d ;;
    command\ *) _gorctl_command "${lines[0]#command }" ;;
    esac
}

complete -F _gorctl gorctl

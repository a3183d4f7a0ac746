# SPDX-License-Identifier: MIT
# fish completes the words of gorctl; it asks gorctl itself what there is.

function __gorctl_complete
    set -l before (commandline -opc)
    set -l word (commandline -ct)
    set -l lines (command $before[1] complete -- $before[2..-1] $word 2>/dev/null)
    set -l head (string match -r -- '^--[^=]*=' $word)
    set -l value (string replace -- "$head" '' $word)
    switch $lines[1]
        case words nospace
            printf '%s\n' $lines[2..-1]
        case files
            for path in (__fish_complete_path $value)
                echo "$head$path"
            end
        case folders
            for path in (__fish_complete_directories $value)
                echo "$head$path"
            end
        case 'command *'
            set -l first (math (string replace 'command ' '' -- $lines[1]) + 1)
            complete -C (string join ' ' -- (string escape -- $before[$first..-1]) $word)
    end
end

complete -c gorctl -f -a '(__gorctl_complete)'

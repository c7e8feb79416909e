#!/bin/sh
# embed.sh OUT.S FILE... DIRECTORY...: an assembler file that carries the files into the program and lists them for
# web/assets.h. Files that are not gzip already are compressed beside OUT.S; of a directory, its *.gz are taken.
set -eu
out=$1
shift
work=$(dirname "$out")/embedded
mkdir -p "$work"
list=
for given in "$@"; do
    if [ -d "$given" ]; then
        for file in "$given"/*.gz; do [ -f "$file" ] && list="$list $file"; done
    elif [ "${given%.gz}" != "$given" ]; then
        list="$list $given"
    elif [ -f "$given" ]; then
        gzip -9 -n -c "$given" >"$work/$(basename "$given").gz"
        list="$list $work/$(basename "$given").gz"
    fi
done
{
    echo '/* Made by web/embed.sh. */'
    echo '#if defined(__CET__)'
    echo '#include <cet.h>'
    echo '#endif'
    echo '    .section .rodata'
    n=0
    for file in $list; do
        name=$(basename "$file" .gz)
        echo "name_$n: .asciz \"$name\""
        echo "begin_$n: .incbin \"$file\""
        echo "end_$n:"
        n=$((n + 1))
    done
    echo '    .section .data.rel.ro, "aw"'
    echo '    .balign 8'
    echo '    .globl web_assets'
    echo 'web_assets:'
    n=0
    for file in $list; do
        echo "    .quad name_$n, begin_$n, end_$n"
        n=$((n + 1))
    done
    echo '    .quad 0, 0, 0'
    echo '    .size web_assets, . - web_assets'
    echo '    .section .note.GNU-stack, "", @progbits'
} >"$out.new"
mv "$out.new" "$out"

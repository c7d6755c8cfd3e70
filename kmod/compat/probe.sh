#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# probe.sh <header> <compiler flags> -- <files>
# Compiles each file; the header gets "#define HAVE_<NAME>" for those that compile.
set -eu
header=$1
shift
dir=$(dirname "$header")
mkdir -p "$dir"

flags=
while [ "$1" != -- ]; do
	flags="$flags '$(printf %s "$1" | sed "s/'/'\\\\''/g")'"
	shift
done
shift

{
	echo "/* Made by probe.sh: what this kernel offers. */"
	for file; do
		name=$(basename "$file" .c)
		macro=HAVE_$(printf %s "$name" | tr '[:lower:]' '[:upper:]')
		if eval "$CC $flags -Werror -c -o '$dir/.probe.o' '$file'" >"$dir/.probe.log" 2>&1; then
			echo "#define $macro 1"
		else
			echo "/* $macro: no */"
		fi
	done
	rm -f "$dir/.probe.o" "$dir/.probe.log"
} >"$header.tmp"

# A header that did not change keeps its time, so nothing is built again.
if cmp -s "$header.tmp" "$header"; then
	rm -f "$header.tmp"
	touch "$header"
else
	mv "$header.tmp" "$header"
fi

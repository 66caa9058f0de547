#!/usr/bin/env bash
# Nothing in the tree names the machine it was written on; the top level holds what it should.
set -u
cd "$(dirname "$0")/../.."
bad=0
allowed='CMakeLists.txt CMakePresets.json core charts-fetch templating lua deploy helmctl tests README.md LICENSE build'
for f in *; do
    case " $allowed " in *" $f "*) ;; *) echo "$f: does not belong to the top level"; bad=1 ;; esac
done
hits=$(grep -rnIE '(^|[^A-Za-z0-9_./-])/(work|root|farm)/' --include='*' . --exclude-dir=build --exclude-dir=.git --exclude=.git --exclude=text.sh | head -5)
[ -z "$hits" ] || { echo "$hits"; echo "a path of one machine"; bad=1; }
exit $bad

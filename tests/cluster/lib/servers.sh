# The real servers of the tests are those of the quick start. To be sourced.
. "$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)/deploy/examples/servers.sh"

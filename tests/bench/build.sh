# Sourced by run.sh and smoke.sh: builds the release daemon, floors and generators.
build=build/release
mkdir -p "$build"
{
    [ -f "$build/build.ninja" ] || cmake --preset release
    cmake --build "$build" -j "$(nproc)" --target supportd bench
} >"$build/bench-build.log" 2>&1 || { tail -n 30 "$build/bench-build.log" >&2; exit 1; }

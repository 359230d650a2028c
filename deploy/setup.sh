#!/usr/bin/env bash
# Everything a bare Debian 12 or Ubuntu 24.04 (or newer) with Python 3.11+ needs to run Newsquall.
#
#   deploy/setup.sh [worker|gpu|demo|test]
#
#   worker   the Python environment (.venv) of a stream worker: no torch
#   gpu      the same with onnxruntime-gpu in place of onnxruntime, which would overwrite each other's files
#   demo     the worker's, the desk's, what pushes dashboards to a Grafana, and the local servers: Kafka, PostgreSQL,
#            Prometheus, Alertmanager (the default)
#   test     the servers and Chromium, and an environment that can also train and run the tests
#
# Run it as often as you like: each thing is looked at first, and when nothing is missing nothing is fetched.
# An interrupted run is repaired by the next. Apart from Debian packages and the caches of apt, uv, pip and Maven
# it writes only to .venv and .stack in this checkout.
set -euo pipefail

profile=${1:-demo}
case $profile in worker | gpu | demo | test) ;; *)
    echo "usage: deploy/setup.sh [worker|gpu|demo|test]" >&2
    exit 2
    ;;
esac

cd "$(dirname "${BASH_SOURCE[0]}")/.."
stack=$PWD/.stack
venv=$PWD/.venv
pom=deploy/stack/kafka-pom.xml
policy=/usr/sbin/policy-rc.d
policy_mark="made by Newsquall's deploy/setup.sh, process"

say() { echo "setup: $*" >&2; }
fail() {
    say "$*"
    exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# ---------------------------------------------------------------- one at a time
mkdir -p "$stack"
exec 9>"$stack/setup.lock"
if ! flock --nonblock 9; then
    say "another setup is at work here: waiting for it"
    flock 9
fi

# ---------------------------------------------------------------- Python
[ -f pyproject.toml ] || fail "there is no pyproject.toml in $PWD"
checksum=$(cat uv.lock pyproject.toml 2>/dev/null | sha256sum | cut -d' ' -f1)
extras=plain
[ "$profile" = demo ] && extras=demo
[ "$profile" = test ] && extras=test
[ "$profile" = gpu ] && extras=gpu
servers=
case $profile in demo | test) servers=yes ;; esac
# What an environment has, it keeps: `make demo` after `make test` does not throw torch away.
read -r made_from made_with 2>/dev/null <"$venv/newsquall-setup" || made_from='' made_with=''
case $profile:$made_with in
worker:demo | demo:test | worker:test | demo:gpu | worker:gpu) extras=$made_with ;;
esac
environment_ready() { [ "$made_from $made_with" = "$checksum $extras" ] && "$venv/bin/python" -c '' 2>/dev/null; }

python=
find_python() {
    local name
    for name in python3.13 python3.12 python3.11 python3; do
        # To be on the PATH is not to run: pyenv leaves names there of versions that are switched off.
        if has "$name" && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            python=$(command -v "$name")
            return 0
        fi
    done
    fail "no Python 3.11 or newer here: install one with its venv package"
}
environment_ready || find_python

uv=
find_uv() {
    local candidate
    for candidate in "$(command -v uv || true)" "$stack/uv/bin/uv"; do
        if [ -n "$candidate" ] && "$candidate" --version >/dev/null 2>&1; then
            uv=$candidate
            return 0
        fi
    done
    return 1
}

# ---------------------------------------------------------------- Debian packages
java_is_new() {
    local version
    has java || return 1
    [ "$(cat "$stack/java" 2>/dev/null)" != "$(readlink -f "$(command -v java)")" ] || return 0
    version=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)
    [ "${version:-0}" -ge 17 ] || return 1
    readlink -f "$(command -v java)" >"$stack/java" # starting a JVM to ask it takes longer than all the rest
}
# Debian 12 and Ubuntu name it 17 (an older default would be too old for Kafka 4); later ones have newer.
java_package() {
    if apt-cache show openjdk-17-jre-headless >/dev/null 2>&1; then
        echo openjdk-17-jre-headless
    else
        echo default-jre-headless
    fi
}
has_chromium() { has chromium || has google-chrome || [ -e "$stack/chromium" ]; }
is_ubuntu() { grep -qs '^ID=ubuntu' /etc/os-release; } # where the package chromium is a snap, which starts nowhere but at a desktop
jars_ready() { [ "$(cat "$stack/kafka/pom.sha256" 2>/dev/null)" = "$(sha256sum <"$pom")" ]; }

needs_java='' packages=()
environment_ready || find_uv || "$python" -c 'import ensurepip, venv' 2>/dev/null ||
    packages+=("$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')")
if [ -n "$servers" ]; then
    java_is_new || needs_java=yes
    jars_ready || has mvn || packages+=(maven)
    has postgres || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || packages+=(postgresql) # off the PATH
    has prometheus || packages+=(prometheus)
    has prometheus-alertmanager || has alertmanager || packages+=(prometheus-alertmanager)
fi
if [ "$profile" = test ]; then
    has_chromium || is_ubuntu || packages+=(chromium)
fi

# A run that was killed may have left its block on starting services behind.
clear_policy() {
    local maker
    maker=$(sed -n "s|^# $policy_mark \([0-9]*\)$|\1|p" "$policy" 2>/dev/null || true)
    if [ -n "$maker" ] && { [ "$maker" = $$ ] || [ ! -d "/proc/$maker" ]; }; then
        as_root rm -f "$policy"
    fi
}
clear_policy

if [ -n "$needs_java" ] || [ ${#packages[@]} -gt 0 ]; then
    wanted="${needs_java:+Java 17 or newer, }${packages[*]}"
    has apt-get || fail "this machine has no apt-get: install by its own means ${wanted%, }, then run this again"
    [ "$(id -u)" = 0 ] || has sudo || fail "missing: ${wanted%, }. Run this as root, or install sudo"
    export DEBIAN_FRONTEND=noninteractive
    apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@"; }

    say "installing from the system's packages: ${wanted%, }"
    trap clear_policy EXIT
    if [ ! -e "$policy" ]; then
        say "keeping Debian from starting servers of its own while it installs ($policy, removed at the end)"
        printf '#!/bin/sh\n# %s %s\nexit 101\n' "$policy_mark" $$ | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
    as_root dpkg --configure -a # what an interrupted installation left half done
    apt update
    [ -z "$needs_java" ] || packages+=("$(java_package)")
    apt install --yes --no-install-recommends "${packages[@]}" >/dev/null ||
        fail "apt-get could not install ${packages[*]}: its reason is above"
    # Not after the next start of the machine either: Newsquall starts its own, on free ports.
    if [ -d /run/systemd/system ]; then
        for service in prometheus prometheus-alertmanager postgresql; do
            case " ${packages[*]} " in *" $service "*) as_root systemctl --quiet disable "$service" || true ;; esac
        done
    fi
    clear_policy
    trap - EXIT
    [ -z "$servers" ] || java_is_new ||
        fail "java is still older than 17: choose a newer one with update-alternatives --config java"
fi

# ---------------------------------------------------------------- Kafka's jars
if [ -n "$servers" ] && ! jars_ready; then
    say "fetching the local Kafka broker with Maven into .stack/kafka (43 MB)"
    rm -rf "$stack/kafka.new"
    mkdir "$stack/kafka.new"
    mvn --quiet --batch-mode -Dstyle.color=never --strict-checksums -f "$pom" dependency:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$stack/kafka.new" >&2 9>&- ||
        fail "Maven could not fetch the jars: its reason is above. Run this again once that is put right"
    sha256sum <"$pom" >"$stack/kafka.new/pom.sha256"
    rm -rf "$stack/kafka"
    mv "$stack/kafka.new" "$stack/kafka"
fi

# ---------------------------------------------------------------- the Python environment
if ! environment_ready; then
    if ! find_uv; then
        say "installing uv, which installs the rest, into .stack/uv"
        rm -rf "$stack/uv"
        "$python" -m venv "$stack/uv"
        "$stack/uv/bin/python" -m pip install --quiet --disable-pip-version-check uv
        find_uv || fail "uv was installed into $stack/uv and does not run"
    fi
    if [ -e "$venv" ] && ! "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        say "the .venv here is broken or of an older Python: making it anew"
        rm -rf "$venv"
    fi
    # uv takes a package whose files were being copied when it was killed for an installed one.
    if [ -e "$stack/venv.unfinished" ]; then
        say "the last installation into .venv did not end: making it anew"
        rm -rf "$venv"
    fi
    options=()
    [ -t 2 ] || options+=(--quiet) # a person sees the progress, a log does not fill with it
    [ -f uv.lock ] && options+=(--frozen)
    case $extras in
    demo) options+=(--extra desk --extra grafana) ;;
    test) options+=(--extra train --extra desk --extra grafana --extra dev) ;;
    gpu) options+=(--extra desk --extra grafana --extra gpu --no-install-package onnxruntime) ;; # for a demo on it
    esac
    [ "$extras" = test ] && size="with torch: up to 3 GB" || size="no torch"
    say "installing the Python packages into .venv ($size)"
    touch "$stack/venv.unfinished"
    rm -f "$venv/newsquall-setup"
    # The environment's own Python, so that one made by hand or with another version is kept.
    UV_PROJECT_ENVIRONMENT=$venv UV_PYTHON_DOWNLOADS=never VIRTUAL_ENV='' \
        "$uv" sync --python "$([ -e "$venv" ] && echo "$venv/bin/python" || echo "$python")" \
        "${options[@]}" 9>&- ||
        fail "uv could not install the packages: its reason is above. Run this again once that is put right"
    echo "$checksum $extras" >"$venv/newsquall-setup.new"
    mv "$venv/newsquall-setup.new" "$venv/newsquall-setup"
    rm "$stack/venv.unfinished"
fi

if [ "$profile" = test ] && ! has_chromium; then
    say "fetching Chromium for the tests of the desk"
    as_root "$venv/bin/playwright" install-deps chromium >/dev/null && "$venv/bin/playwright" install chromium >/dev/null ||
        fail "Playwright could not fetch Chromium: its reason is above"
    touch "$stack/chromium"
fi

say "ready ($profile)"

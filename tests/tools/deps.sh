#!/bin/sh
# Installs by package name what build and tests need on Debian; does nothing where everything is there.
set -eu
packages="build-essential pkg-config libcurl4-openssl-dev libjansson-dev libxxhash-dev libcmocka-dev
          clang libclang-rt-14-dev valgrind python3 python3-pip python3-venv nginx-light openssl"
missing=""
for package in $packages; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
sudo=""
[ "$(id -u)" -eq 0 ] || sudo="sudo"
# RUNLEVEL 1: the tests start their own nginx, none is to run as a service.
export RUNLEVEL=1
$sudo apt-get update -qq
$sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null

#!/bin/bash
# Take out of a runtime image what builds and installs: run last in its stage, then copy the stage as one layer.
set -euo pipefail

# Python's own installers and what only developers of Python need, wherever this upstream image keeps them.
find / -xdev -type d \( -path '*/python3*/ensurepip' -o -path '*/python3*/idlelib' -o -path '*/python3*/lib2to3' \
    -o -path '*/python3*/test' -o -path '*/python3*/tkinter' -o -path '*/python3*/turtledemo' \
    -o -path '*/python3*/config-3*' -o -path '*-packages/pip' -o -path '*-packages/pip-*' \
    -o -path '*-packages/setuptools*' -o -path '*-packages/pkg_resources' -o -path '*-packages/wheel*' \
    -o -path '*-packages/_distutils_hack' -o -name __pycache__ \) -prune -exec rm -rf {} +
rm -rf /usr/share/python-wheels /usr/local/include /usr/include /usr/local/lib/pkgconfig
find /usr/local/bin /usr/bin \( -name 'pip*' -o -name 'idle*' -o -name 'pydoc*' -o -name '2to3*' \
    -o -name 'python*-config' -o -name wheel \) -delete
find /usr/local/lib /usr/lib \( -name '*.a' -o -name '*.o' -o -name distutils-precedence.pth \) -delete

# The system's package managers, and perl with the scripts written in it, last: nothing can be installed after this step.
# The list of installed packages stays, a file each as in distroless images, since vulnerability scanners read it, and so
# do the licences. No program keeps the right to change its user.
find /usr/share/doc -type f ! -name copyright -delete
find /usr/share/doc -depth -type d -empty -delete
find /usr/bin /usr/sbin \( -name 'apt*' -o -name 'dpkg*' -o -name 'deb*' -o -name 'perl*' \
    -o -name update-alternatives \) -delete
{ grep -rlI '^#!.*perl' /usr/bin /usr/sbin || true; } | xargs -r rm
find / -xdev -perm /6000 -type f -exec chmod a-s {} +
find /usr/lib -name 'libapt-*' -delete
find /usr/lib -maxdepth 2 \( -name perl -o -name perl-base -o -name 'perl[0-9]*' -o -name 'libperl.so*' \) \
    -exec rm -rf {} +
mkdir /var/lib/dpkg/status.d
awk -v RS= '{ file = "/var/lib/dpkg/status.d/" $2; print > file; close(file) }' /var/lib/dpkg/status
find /var/lib/dpkg -mindepth 1 -maxdepth 1 ! -name status.d -exec rm -rf {} +
rm -rf /etc/apt /etc/cron* /etc/dpkg /usr/lib/apt /usr/lib/dpkg /usr/share/perl* /usr/share/debconf /usr/share/man \
    /usr/share/info /usr/share/locale /usr/share/lintian /usr/share/bash-completion /usr/share/bug \
    /usr/share/keyrings /usr/share/python3 \
    /var/cache/apt /var/cache/debconf /var/lib/apt /var/log/* /root/.cache /tmp/*

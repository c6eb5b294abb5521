#!/bin/sh
# Owns: one container engine in namespaces of its own, on behalf of whoever holds the other end of standard input.
#
# 1. The engine and all of its containers are processes of a process namespace, its mounts and its bridges are of a mount
#    and of a network namespace: when standard input ends, the first process there does, and the kernel takes all of them.
# 2. What the kernel does not take, the directory and the control groups, is removed after that.
# 3. The machine's own network is left as it is: no address translation, no forwarding. A cable leads from the machine to
#    the engine, for the ports that containers publish, and none leads on from there.
#
# Environment: ENGINE_NAME (of the cable and of the control group), ENGINE_DIR (removed in the end), ENGINE_ADDRESS and
# MACHINE_ADDRESS (the two ends of the cable), ENGINE_PATH and ENGINE_LIBRARIES (where its programs are).
# Left to engine.ts: everything before and after.
set -eu

case ${1:-keep} in
  keep)
    unshare --net -- sh "$0" network "$$" || true
    find /sys/fs/cgroup -depth -type d -path "*/$ENGINE_NAME*" -exec rmdir {} + 2>/dev/null || true
    rm -rf "$ENGINE_DIR"
    ;;

  network)
    outside=/proc/$2/ns/net
    ip link add cable type veth peer name "$ENGINE_NAME" netns "$2"
    ip addr add "$ENGINE_ADDRESS/30" dev cable
    ip link set cable up
    ip link set lo up
    nsenter --net="$outside" ip addr add "$MACHINE_ADDRESS/30" dev "$ENGINE_NAME"
    nsenter --net="$outside" ip link set "$ENGINE_NAME" up
    exec unshare --mount --pid --fork --kill-child --mount-proc -- sh "$0" engine
    ;;

  engine)
    # Where engines put what no option moves: another one on this machine has its own there.
    mount -t tmpfs tmpfs /run
    exec 3<&0
    cat <&3 >/dev/null &
    lifeline=$!
    {
      PATH=$ENGINE_PATH LD_LIBRARY_PATH=$ENGINE_LIBRARIES XTABLES_LIBDIR=$ENGINE_LIBRARIES/xtables \
        dockerd --config-file "$ENGINE_DIR/dockerd.json" || true
      kill "$lifeline"
    } </dev/null 3<&- &
    wait "$lifeline" || true
    ;;
esac

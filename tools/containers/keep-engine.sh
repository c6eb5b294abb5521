#!/bin/sh
# Owns: one container engine in namespaces of its own, on behalf of whoever holds the other end of standard input.
#
# 1. The engine and all of its containers are processes of a process namespace, its mounts and its bridges are of a mount
#    and of a network namespace: when standard input ends, the first process there does, and the kernel takes all of them.
# 2. What the kernel does not take, the directory and the control groups, is removed after that.
# 3. As long as anything of it lives, `lock` in the directory is locked. A keeper that is killed itself removes nothing; the next one
#    removes what is not locked any more.
# 4. The machine's own network is left as it is: no address translation, no forwarding. A cable leads from the machine to
#    the engine, for the ports that containers publish, and none leads on from there.
#
# Environment: ENGINE_NAME (of the cable and of the control group), ENGINE_DIR (removed in the end), ENGINE_ADDRESS and
# MACHINE_ADDRESS (the two ends of the cable), ENGINE_PATH and ENGINE_LIBRARIES (where its programs are).
# Left to engine.ts: everything before and after.
set -eu

# What the kernel does not take of an engine, by its name and its directory.
forget() {
  if [ -n "$1" ]; then
    find /sys/fs/cgroup -depth -type d '(' -path "*/$1" -o -path "*/$1/*" ')' -exec rmdir {} + 2>/dev/null || true
  fi
  rm -rf "$2"
}

case ${1:-keep} in
  keep)
    echo "$ENGINE_NAME" >"$ENGINE_DIR/name"
    exec 9>"$ENGINE_DIR/lock"
    flock 9
    for lock in "${ENGINE_DIR%/*}"/riposte-engine-*/lock; do
      if [ -O "$lock" ]; then flock --nonblock "$lock" sh "$0" forget "${lock%/lock}" 9>&- || true; fi
    done
    unshare --net -- sh "$0" network "$$" || true
    forget "$ENGINE_NAME" "$ENGINE_DIR"
    ;;

  forget)
    forget "$(cat "$2/name")" "$2"
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
        dockerd --config-file "$ENGINE_DIR/dockerd.json" 9>&- || true
      kill "$lifeline"
    } </dev/null 3<&- &
    wait "$lifeline" || true
    ;;
esac

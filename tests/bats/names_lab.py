"""A machine of the test's own, as far as names go: run under `unshare -mn`, it has its own interfaces, hosts file, resolv.conf and
nsswitch.conf, and its own name servers. For the tests of names; a script calls Lab() once."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

SOCKCTL = shutil.which("sockctl")


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


class Lab:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="names.", dir=os.environ.get("BATS_TEST_TMPDIR"))
        self.children = []
        run("ip", "link", "set", "lo", "up")

    def interface(self, *addresses):
        """A link to nowhere with these addresses; everything that is not here is behind it."""
        run("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1")
        for address in addresses:
            run("ip", "addr", "add", address, "dev", "v0", *(["nodad"] if ":" in address else []))
        for link in "v0", "v1":
            run("ip", "link", "set", link, "up")
        for family in {"-6" if ":" in address else "-4" for address in addresses}:
            run("ip", family, "route", "add", "default", "dev", "v0")

    def file(self, path, text):
        """This is what `path` says from now on, for everybody in here. Written in place, so that the mount stays."""
        own = os.path.join(self.dir, path.strip("/").replace("/", "_"))
        is_new = not os.path.exists(own)
        with open(own, "w", encoding="utf-8") as f:
            f.write(text)
        if is_new:
            run("mount", "--bind", own, path)

    def configure(self, hosts="127.0.0.1 localhost\n::1 localhost ip6-localhost\n", resolv="nameserver 127.0.0.1\n", order="files dns"):
        self.file("/etc/hosts", hosts)
        self.file("/etc/resolv.conf", resolv)
        self.file("/etc/nsswitch.conf", f"hosts: {order}\nservices: files\nprotocols: files\nnetworks: files\n")

    def start(self, *words, ready):
        """A server that says `ready` in a line of its output when it can be asked. Its further lines go to a file."""
        log = open(os.path.join(self.dir, f"log{len(self.children)}"), "w+b")  # pylint: disable=consider-using-with
        child = subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        self.children.append(child)
        pause = subprocess.Popen(["tail", "-n", "+1", "-f", f"--pid={child.pid}", log.name], stdout=subprocess.PIPE, text=True)
        seen = []
        for line in pause.stdout:
            seen.append(line)
            if ready in line:
                break
        else:
            sys.exit(f"{words[0]} did not start: {''.join(seen)}")
        pause.kill()
        pause.wait()
        pause.stdout.close()
        return log.name

    def dnsmasq(self, *options, address="127.0.0.1", port=53):
        return self.start("dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", f"--port={port}",
                          f"--listen-address={address}", "--bind-interfaces", "--user=root", "--pid-file=", "--log-queries", "--no-round-robin",
                          *options, ready="started")

    def end(self):
        for child in self.children:
            child.send_signal(signal.SIGKILL)
            child.wait()
        for name in "/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf":
            subprocess.run(["umount", name], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.dir)


def quoted(text):
    """One word of the language. Words that are no data have no escapes."""
    return "'" + (text if isinstance(text, str) else os.fsdecode(text)) + "'"


class Sockctl:
    """One process that answers a line of JSON for each command."""

    def __init__(self, *options):
        self.child = subprocess.Popen([SOCKCTL, *options, "-i", "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8",
                                      errors="surrogateescape")

    def __call__(self, line):
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()
        return json.loads(self.child.stdout.readline())

    def end(self):
        self.child.stdin.close()
        self.child.stdout.close()
        return self.child.wait()

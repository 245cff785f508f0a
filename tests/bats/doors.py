"""A program through every door: how it is run there, and what of its output is the same in each run.  Used by programs.py,
envelopes.py and matrix.py."""
import base64, json, os, re, shutil, subprocess


class Failure(Exception):
    pass


def run(argv, directory, stdin=b"", files=None, limit=60, **more):
    """(status, stdout, stderr, {file: bytes}) of a process in an empty directory with these files in it."""
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    for name, data in (files or {}).items():
        with open(os.path.join(directory, name), "wb") as f:
            f.write(data)
    try:
        p = subprocess.run(argv, input=stdin, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=limit, **more)
    except subprocess.TimeoutExpired:
        raise Failure(f"did not end within {limit} s: {argv}")
    left = {}
    for name in sorted(os.listdir(directory)):
        path = os.path.join(directory, name)
        if os.path.isfile(path):
            with open(path, "rb") as f:
                left[name] = f.read()
        else:
            raise Failure(f"left {name} behind: {argv}")
    if p.returncode < 0 or p.returncode >= 99 and p.returncode not in (124, 130) or re.search(rb"Sanitizer|runtime error|LeakSan", p.stderr):
        raise Failure(f"status {p.returncode}: {argv}\n{p.stderr.decode(errors='replace')}")
    return p.returncode, p.stdout, p.stderr, left


def text_doors(go, text, script):
    """{door: (argv, stdin)} of a text: `go` is sockctl with its options, `script` a file that is written."""
    with open(script, "w") as f:
        f.write(text)
    return {"-c": ([*go, "-c", text], b""), "-f": ([*go, "-f", script], b""), "stdin": (go, text.encode())}


SEPARATOR = ",,,"  # of `do`: so that a comma can be data


def chain(go, steps):
    """The argv of a `do` of steps, each a list of words."""
    return [*go, "do", "--sep", SEPARATOR, *[w for s in steps for w in (*s, SEPARATOR)][:-1]]


def objects(out):
    """The objects of --json: one on each line, nothing else."""
    lines = out.split(b"\n")
    if lines.pop() != b"":
        raise Failure(f"the last line does not end: {out[-80:]!r}")

    def refuse(word):
        raise Failure(f"{word} is no JSON")

    try:
        return [json.loads(line.decode("utf-8"), parse_constant=refuse) for line in lines]
    except ValueError as e:
        raise Failure(f"{e}: {out[:300]!r}") from e


def flat(answers):
    """Those of the machine door as the objects of their commands."""
    for o in answers:
        yield from ([o] if "cmd" in o else o["results"])


def same_everywhere(data):
    """Without what differs from run to run: ports, times, places in a script, descriptors."""
    data = re.sub(rb"(127\.0\.0\.\d|\[::1\]):\d+", rb"\1:PORT", data)
    data = b"pcapng" if data.startswith(b"\n\r\r\n") else re.sub(rb"(?m)^ +\d+\.\d{3}  \|.*|^\d+\.\d{6} |^ +0 .*one column = .*|^[a-z0-9]+ +[.#]+ .*", b"TRACE", data)
    data = re.sub(rb"\b(29|30) days left", b"30 days left", data)  # of a certificate made at that moment
    data = re.sub(rb"real \d+\.\d+ s|\d+(\.\d+)? ms\b", b"TIME", data)
    data = re.sub(rb"(?m)^( *\d+\.\.\d+ +\d+ \|#*|p50 .* us|\d+ runs of .*, microseconds|(SOL_SOCKET SO_COOKIE|IPPROTO_TCP TCP_TIMESTAMP) .*)\n", b"", data)  # repeat --stats, options
    data = re.sub(rb"\b(pin|sha256|serial|not_before|not_after|days_left): \S+", rb"\1: KEY", data)
    data = re.sub(rb"(?m)^sockctl: (\S+:\d+: )?", b"sockctl: ", data)
    data = re.sub(rb'"(fd|port|raw|ms|t|seq)":[^,}]*', rb'"\1":0', data)
    return re.sub(rb"(?m)^(fd|tcp|rtt_ms|mss|cwnd|unacked|retransmitted|recv_queue|send_queue|rcvbuf|sndbuf): .*\n", b"", data)


UNSTABLE = {"tcp_ms", "dns_ms", "starttls_ms", "days_left", "fix", "serial", "sha256", "pin", "pem", "not_before", "not_after", "handshake_ms", "seq", "t", "ns", "ms", "started", "hex", "fd", "port", "raw", "text", "tcp", "recv_queue", "send_queue", "us", "id", "message", "local", "peer", "value", "rcvbuf", "sndbuf", "rtt_ms", "mss", "cwnd", "unacked", "retransmitted"}


def stable(value):
    """The same of a parsed object."""
    if isinstance(value, dict) and "base64" in value:
        return same_everywhere(base64.b64decode(value["base64"]))
    if isinstance(value, dict):
        return {k: stable(v) for k, v in value.items() if k not in UNSTABLE}
    if isinstance(value, str):
        return re.sub(r"^127\.0\.0\.1:\d+$", "127.0.0.1:PORT", value)
    return [stable(v) for v in value] if isinstance(value, list) else value


def unbase64(value):
    return base64.b64decode(value["base64"])


class Step:
    """A command of a text: as it was written, its words, and why argv cannot say it (None: it can)."""

    def __init__(self):
        self.text, self.words, self.why = "", [], None

    def name(self):
        """NAME of `NAME =` or --as, or None."""
        if "--as" in self.words:
            return self.words[self.words.index("--as") + 1]
        return self.words[0] if self.words[1:2] == ["="] else None

    def count(self):
        """How many commands it is: `do` is its own."""
        if self.command() != "do":
            return 1
        return 1 + self.words.count(self.words[2] if self.words[1] == "--sep" else ",")

    def socket(self):
        """NAME of `NAME.command`, or None."""
        word = (self.words[2:] if self.words[1:2] == ["="] else self.words)[0]
        return word.rsplit(".", 1)[0] if "." in word else None

    def command(self):
        """The command word, without `NAME =` and `NAME.`."""
        return self.word_of(self.words)

    def commands(self):
        """The same of each command of a chain."""
        ends = [0, *(i for i, w in enumerate(self.words) if w == "," and self.command() == "do"), len(self.words)]
        found = {self.word_of(self.words[a:b] if a == 0 else self.words[a + 1 : b]) for a, b in zip(ends, ends[1:])}
        return found | ({self.word_of(self.words[1:])} if self.command() == "do" else set())

    @staticmethod
    def word_of(words):
        words = words[2:] if words[1:2] == ["="] else words
        return words[0].rsplit(".", 1)[-1] if words else None


def steps_of(text):
    """The grammar of texts once more, for what is only words: quotes, backslashes, ends of commands, comments."""
    steps, step, word, i = [], Step(), None, 0
    start = 0

    def end(at):
        nonlocal step, word, start
        if word is not None:
            step.words.append(word)
        step.text = text[start:at].strip()
        if step.words or step.why:
            steps.append(step)
        step, word, start = Step(), None, at + 1

    while i < len(text):
        c = text[i]
        if c in ";\n":
            end(i)
        elif c in " \t":
            if word is not None:
                step.words.append(word)
            word = None
        elif c == "#" and word is None:
            stop = (text + "\n").index("\n", i)
            end(i)
            i = start = stop
        elif c == "|" or c == "!" and word is None and not step.words:
            step.why = "!" if c == "!" else "|"
            i = (text + "\n").index("\n", i)
            end(i)
        elif c in "&<>":
            step.why = c
            if c == "&":
                end(i + 1)
        elif c == "'":
            stop = text.index("'", i + 1)
            word, i = (word or "") + text[i + 1 : stop], stop
        elif c == '"':
            word, i = word or "", i + 1
            while text[i] != '"':
                if text[i] == "$":
                    step.why = "$"
                i += text[i] == "\\" and text[i + 1] in '"$\\`'
                word, i = word + text[i], i + 1
        else:
            if c == "$":
                step.why = "$"
            elif c == "\\" and text[i + 1 : i + 2] in tuple(" \t;,|&#'\"$\\<>"):
                i += 1
            word = (word or "") + text[i]
        i += 1
    end(len(text))
    return steps

/* Topics of help: what concerns more than one command, and worked examples. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "door/pages.h"

static const char addresses[] = "An address is one word:\n"
                                "\n"
                                "  example.com:80  127.0.0.1:http    a name or an IPv4 address; port or service\n"
                                "  '[::1]:80'  '[fe80::1%eth0]:80'   IPv6; quoted, because zsh reads [ ] itself\n"
                                "  :6379                             loopback; for listen and bind 127.0.0.1\n"
                                "  '*:8080'                          all interfaces, for listen and bind\n"
                                "  unix:/run/x  /run/x  ./x          a UNIX socket; --type dgram or seqpacket\n"
                                "  unix:@name                        a UNIX socket in the abstract name space\n"
                                "  tcp://h:p  udp://h:p  udp:h:p     the scheme says stream or datagrams\n"
                                "  vsock:2:1234                      a port of a virtual machine\n"
                                "  fd:3                              an inherited descriptor\n"
                                "  sock:srv                          where the socket srv is bound\n"
                                "  raw:02000050...                   the bytes of a struct sockaddr, in hex\n"
                                "\n"
                                "or, for connect, bind, listen and getnameinfo, two words or four:\n"
                                "\n"
                                "  ::1 80                            host and port\n"
                                "  fe80::1 80 0 2                    address, port, flow information 0, scope\n"
                                "\n"
                                "Ports 0 to 65535; port 0 lets the system choose one, for listen and bind. What is\n"
                                "printed is always accepted back. Short IPv4 forms such as 127.1 are refused here;\n"
                                "getaddrinfo, inet_pton and getnameinfo answer as the C library does.\n"
                                "\n"
                                "    sockctl -c 'srv = listen :0; print $srv.local; cli = connect $srv.local'\n"
                                "    sockctl do srv = listen ::1 0 , connect sock:srv , getpeername\n";

static const char bytes[] =
    "Data is typed with escapes, which sockctl decodes, not the shell. Single quotes are\n"
    "right in every shell:\n"
    "\n"
    "  \\n \\r \\t           line feed, carriage return, tab\n"
    "  \\xHH               the byte with these two hex digits\n"
    "  \\\\ \\' \\\" \\0 \\a \\b \\e \\f \\v   as in C; \\0 is the byte 00, never an octal number\n"
    "  \\uHHHH             the UTF-8 bytes of that character\n"
    "\n"
    "Any other escape is an error. Several operands are joined without a blank. Options\n"
    "stand before the data; after -- everything is data. What comes from a $variable is\n"
    "not decoded. --hex, --base64, --file FILE, - (standard input) and --raw (no escapes)\n"
    "are other ways to give data.\n"
    "\n"
    "Bytes are printed in a form (-F FORMAT, -e for escape):\n"
    "\n"
    "  auto      on a terminal text, elsewhere raw\n"
    "  raw       the bytes, nothing added\n"
    "  text      a quoted line: 'HTTP/1.0 200 OK\\r\\n'\n"
    "  escape    one line without quotes, which send accepts as it stands\n"
    "  hex  hexdump  base64  json\n"
    "\n"
    "escape uses \\n \\r \\t and \\xHH only, also for \\ and ', so that it survives single\n"
    "quotes in sh, bash, zsh and fish. A variable of the shell keeps every byte this way:\n"
    "\n"
    "    x=$(sockctl do p = pair , p0.send 'a\\0b\\n\\n' , p1.recv -e)\n"
    "    sockctl do p = pair , p0.send -- \"$x\" , p1.recv -F hex\n"
    "\n"
    "The echo of dash and zsh decodes escapes by itself: printf '%s\\n' \"$x\" does not.\n";

static const char variables[] =
    "In scripts, sockctl -c and at the prompt (not on argv, where every word is data):\n"
    "\n"
    "  NAME = COMMAND ...    binds the result and prints nothing; also on argv\n"
    "  NAME.COMMAND ...      the same as COMMAND -s NAME; also on argv\n"
    "  $x  $x.field  $x[0][-1]  ${x[0].addr}  ${x:-default}   one word each\n"
    "  $_  $?                the result and the status of the command before\n"
    "\n"
    "A variable of sockctl comes before one of the environment. One that does not exist is\n"
    "an error unless it has a default. '...' is taken as it is; in \"...\" variables count;\n"
    "elsewhere a backslash protects blank ; , & | # ' \" $ \\ < >.\n"
    "\n"
    "  ;                     ends a command; the first failure ends a script\n"
    "  > FILE  >> FILE       the bytes go to FILE\n"
    "  | COMMAND             the rest of the line belongs to the shell and reads them\n"
    "  &                     runs the command as a job: see jobs, wait, cancel\n"
    "  ! COMMAND             runs a command of the shell\n"
    "  #                     a comment\n"
    "\n"
    "Fields of a socket: name fd family type proto state local peer timeout buffered.\n"
    "Fields of an address: family host port path text. Commands on sockets use the current\n"
    "one, which was made or chosen last, unless -s NAME or NAME. says otherwise.\n"
    "\n"
    "    sockctl -c 'ai = getaddrinfo localhost 80; print $ai[0][-1] $ai[0].addr'\n"
    "    sockctl -c 'x = print \"a word\"; print $x ${HOME:-nowhere} $?'\n"
    "    sockctl do ai = getaddrinfo 127.0.0.1 80 , get 'ai[0].addr'\n";

static const char json[] = "With -j or --json every command that runs writes one object a line to stdout, also\n"
                           "when it fails; messages for people stay on stderr.\n"
                           "\n"
                           "  v        1, the version of this format\n"
                           "  seq      number of the object\n"
                           "  t        seconds since the start\n"
                           "  cmd      the command\n"
                           "  sock     name of the socket used or made, or null\n"
                           "  ok       true: result follows; false: error follows\n"
                           "  ms       how long it took\n"
                           "  result   what the command gives; {} when it gives nothing\n"
                           "  error    code errno syscall exit message; partial or sent when bytes moved,\n"
                           "           attempts for connect, want and got for assert\n"
                           "\n"
                           "Bytes are {len, text, base64}: text is null when they are not valid UTF-8. Fields keep\n"
                           "their types; new ones may come.\n"
                           "\n"
                           "sockctl -i --json reads commands from standard input, one line each, and writes one\n"
                           "object for each; a line that begins with @TOKEN gets \"id\":\"TOKEN\" in its answer. It\n"
                           "goes on after failures and keeps sockets and variables: for programs that drive it.\n"
                           "\n"
                           "    sockctl --json htons 80\n"
                           "    printf '@1 srv = listen :0\\n@2 connect $srv.local\\n' | sockctl -i --json\n";

static const char timeouts[] =
    "Every wait has an end. From the strongest:\n"
    "\n"
    "  -t TIME                  for one command; before the command word: for all\n"
    "  settimeout TIME          for one socket; none waits for ever, 0 does not wait\n"
    "  SOCKCTL_TIMEOUT          in the environment\n"
    "  set timeout TIME         for the rest of a script\n"
    "  30s                      otherwise; none at the prompt and with -i\n"
    "\n"
    "TIME is a number with us, ms, s, m or h; a bare number is seconds; inf is for ever.\n"
    "Time running out is status 124, and what has come until then is printed and kept. -t 0\n"
    "tries once. A socket after settimeout 0 or setblocking off does not wait: status 10.\n"
    "\n"
    "    sockctl -c 'x = pair; fails 124 x0.recv -t 50ms'\n"
    "    sockctl -c 'x = pair; x0.settimeout 0; fails 10 x0.recv'\n";

static const char tls[] =
    "connect tls://HOST:PORT, or --tls with any other form of an address. Chain and name of the\n"
    "certificate are verified; what is wrong is said in words: status 8.\n"
    "\n"
    "  --cafile FILE            trust these authorities in place of the system's\n"
    "  --pin HASH               the peer must have this key; it needs no authority then\n"
    "  --verify-name NAME       whom the certificate must be for\n"
    "  --ocsp  --crl FILE       it must have a good OCSP response; not be in this list\n"
    "  --cert FILE --key FILE   our own certificate; --key-pass file:PATH or env:NAME\n"
    "  --insecure               verify nothing, and tell what is wrong\n"
    "\n"
    "connect --starttls PROTO holds the dialogue of a protocol that begins in plain text: smtp\n"
    "imap pop3 ftp xmpp ldap postgres mysql sieve nntp irc. For others: your own dialogue, then\n"
    "starttls, which goes on with TLS at any point of a connection. peercert shows the certificate\n"
    "of the peer; $c.tls.version and $c.tls.cipher what was agreed on.\n"
    "\n"
    "listen tls://ADDR makes handshakes beside each other; accept gives those that are done.\n"
    "--self-signed makes a certificate for the time it runs, and tells its pin.\n"
    "\n"
    "tls HOST:PORT looks at a server and tells everything that is wrong with its certificate, and\n"
    "what to do; tls - takes a list, tls --file PEM certificates, --warn 30d tells what ends soon.\n"
    "\n"
    "A handshake that fails is 9, an end that the peer did not announce 7, both with why.\n"
    "\n"
    "    sockctl -c 'srv = listen tls://:0 --self-signed\n"
    "        c = connect $srv.local --tls --pin $srv.tls.pin; print $c.tls.version'\n";

static const char proxies[] =
    "connect, wait-ready and tls go through a proxy: it resolves the name, and nobody else is asked.\n"
    "\n"
    "  --proxy socks5://HOST:PORT    SOCKS 5, also with a user and a password\n"
    "  --proxy http://HOST:PORT      CONNECT of HTTP, also with Basic authentication\n"
    "  --proxy-auth file:PATH        USER:PASSWORD is the first line of a file; or env:NAME\n"
    "\n"
    "A failure says who is to blame: the way to the proxy, the proxy, or the target as the proxy tells it. "
    "What the target says first stays in the socket.\n"
    "\n"
    "The PROXY protocol tells a server whose connection it is:\n"
    "\n"
    "  connect --send-proxy v1       begins with the header: v1, v2, v1-unknown, v2-local\n"
    "  --told-source ADDR            what the header tells, with --told-target\n"
    "  listen --accept-proxy         takes such headers, of both versions, and nothing else\n"
    "\n"
    "$conn.peer is then the address that was told, $conn.proxy.addr the proxy's. A header that is broken, "
    "missing or late ends that connection alone; $srv.proxy.failed counts them. TLS comes behind the header.\n"
    "\n"
    "    sockctl -c 'srv = listen :0 --accept-proxy\n"
    "        c = connect $srv.local --send-proxy v2 --told-source 192.0.2.1:4000 --told-target 192.0.2.2:80\n"
    "        conn = srv.accept; print $conn.peer'\n";

static const char testing[] = "Commands for tests; each that fails ends the script, with a status other than 0:\n"
                              "\n"
                              "  expect TEXT              waits for these bytes; -r: for a regular expression\n"
                              "  expect --exact TEXT      the same, and nothing may come before them\n"
                              "  expect --within 200ms    with a limit of time; --not-before for the other end\n"
                              "  expect --close           waits for the peer's end; --reset for a reset\n"
                              "  silent TIME              nothing arrives\n"
                              "  assert A is B            also not lt le gt ge contains matches\n"
                              "  fails [CODE] COMMAND     the command must fail, with this status\n"
                              "  repeat -n N COMMAND      again and again; --stats tells how long it took\n"
                              "  test NAME                begins a section; with --tap one line of TAP for each\n"
                              "\n"
                              "Bind port 0 and keep the socket: no port is ever free for sure. There is no need to\n"
                              "sleep: every command waits for what it names.\n"
                              "\n"
                              "    sockctl --tap -c '\n"
                              "      test \"what was sent arrives\"\n"
                              "      srv = listen :0\n"
                              "      cli = connect $srv.local\n"
                              "      conn = srv.accept\n"
                              "      cli.sendline PING\n"
                              "      conn.expect --exact --within 1s \"PING\\r\\n\"\n"
                              "      test \"the end is seen\"\n"
                              "      cli.close\n"
                              "      conn.expect --close\n"
                              "      fails 7 conn.recv'\n";

static const char http[] = "A request by hand. HTTP/1.0, so that the server closes when it is done:\n"
                           "\n"
                           "    sockctl do connect example.com:80 , \\\n"
                           "      send 'GET / HTTP/1.0\\r\\nHost: example.com\\r\\n\\r\\n' , read\n"
                           "\n"
                           "The status alone, by a regular expression:\n"
                           "\n"
                           "    sockctl -c '\n"
                           "      connect example.com:80\n"
                           "      sendline \"HEAD / HTTP/1.0\"\n"
                           "      sendline \"Host: example.com\"\n"
                           "      sendline\n"
                           "      expect -r \"^HTTP/1\\.[01] (\\d+)\"\n"
                           "      print status $_.groups[0]'\n"
                           "\n"
                           "The body into a file: what expect consumed is gone, the rest is there to be read:\n"
                           "\n"
                           "    sockctl do connect example.com:80 , \\\n"
                           "      send 'GET / HTTP/1.0\\r\\nHost: example.com\\r\\n\\r\\n' , \\\n"
                           "      expect '\\r\\n\\r\\n' , read > page.html\n";

static const char redis[] = "Is it alive? The answer is the exit status:\n"
                            "\n"
                            "    sockctl do connect :6379 , sendline PING , expect '+PONG\\r\\n' && echo alive\n"
                            "\n"
                            "Store and fetch; -e shows the bytes of each line:\n"
                            "\n"
                            "    sockctl -c '\n"
                            "      connect :6379\n"
                            "      sendline \"SET greeting hello\"\n"
                            "      expect --exact \"+OK\\r\\n\"\n"
                            "      sendline \"GET greeting\"\n"
                            "      readline -e\n"
                            "      readline -e'\n"
                            "\n"
                            "Over its UNIX socket, with the answer in JSON:\n"
                            "\n"
                            "    sockctl do connect /run/redis/redis.sock , sendline PING , recv --json\n";

static const char smtp[] = "A talk with a mail server, up to the end of its greeting; the last line of an answer\n"
                           "has a blank after its number:\n"
                           "\n"
                           "    sockctl -c '\n"
                           "      connect mail.example.com:25\n"
                           "      expect -r \"^220 .*\\r\\n\"\n"
                           "      sendline \"EHLO me.example.com\"\n"
                           "      expect -r \"^250 .*\\r\\n\"\n"
                           "      print \"$_.before\" \"$_.match\"\n"
                           "      sendline QUIT\n"
                           "      expect \"221 \"\n"
                           "      read'\n"
                           "\n"
                           "Does it offer STARTTLS?\n"
                           "\n"
                           "    sockctl do connect mail.example.com:25 , expect -r '^220 .*\\r\\n' , \\\n"
                           "      sendline 'EHLO me' , expect -r '^250.STARTTLS' && echo yes\n"
                           "\n"
                           "connect --starttls smtp mail.example.com:587 says all that, and goes on with TLS.\n";

static const char udp[] = "Two datagram sockets that talk; recvfrom tells who sent what:\n"
                          "\n"
                          "    sockctl -c '\n"
                          "      srv = bind udp://127.0.0.1:0\n"
                          "      cli = connect udp://$srv.local\n"
                          "      cli.send hello\n"
                          "      srv.recvfrom -F text\n"
                          "      srv.sendto $cli.local \"hello back\"\n"
                          "      cli.recv -F text'\n"
                          "\n"
                          "Nobody there: no handshake takes place, so connect and send succeed; the refusal comes\n"
                          "with the next call:\n"
                          "\n"
                          "    sockctl -c 'connect udp://127.0.0.1:9; send hi; fails 5 recv -t 1s'\n"
                          "\n"
                          "A DNS query typed by hand: the A records of example.com:\n"
                          "\n"
                          "    sockctl do connect udp://9.9.9.9:53 , \\\n"
                          "      send '\\x12\\x34\\x01\\0\\0\\x01\\0\\0\\0\\0\\0\\0' \\\n"
                          "        '\\x07example\\x03com\\0\\0\\x01\\0\\x01' , \\\n"
                          "      recv -t 2s -F hexdump\n";

static const char server[] = "A server and its client in one script. Port 0 lets the system choose; $srv.local\n"
                             "tells what it chose:\n"
                             "\n"
                             "    sockctl -c '\n"
                             "      srv = listen :0\n"
                             "      cli = connect $srv.local\n"
                             "      conn = srv.accept\n"
                             "      cli.send \"hello\\n\"\n"
                             "      conn.readline\n"
                             "      conn.send \"bye\\n\"\n"
                             "      conn.close\n"
                             "      cli.read'\n"
                             "\n"
                             "accept as a job, so that something else can be done while it waits:\n"
                             "\n"
                             "    sockctl -c '\n"
                             "      srv = listen unix:@sockctl-example\n"
                             "      conn = srv.accept &\n"
                             "      cli = connect sock:srv\n"
                             "      wait conn\n"
                             "      cli.shutdown wr\n"
                             "      fails 7 conn.recv\n"
                             "      ls'\n"
                             "\n"
                             "Three clients, one after the other, without a script:\n"
                             "\n"
                             "    sockctl do srv = listen :0 , repeat -n 3 connect sock:srv , \\\n"
                             "      repeat -n 3 accept -s srv , ls\n";

static const char poll[] = "Which of several sockets has something? poll lists those that are ready:\n"
                           "\n"
                           "    sockctl -c '\n"
                           "      a = pair\n"
                           "      b = pair\n"
                           "      b0.send hello\n"
                           "      poll a1 b1\n"
                           "      b1.recv -F text\n"
                           "      fails 124 poll -t 50ms a1 b1\n"
                           "      poll a1:in,out'\n"
                           "\n"
                           "A poller remembers what it looks at:\n"
                           "\n"
                           "    sockctl -c '\n"
                           "      x = pair\n"
                           "      p = poller\n"
                           "      p.register x0 out\n"
                           "      p.register x1 in\n"
                           "      p.poll\n"
                           "      x0.close\n"
                           "      p.unregister x0\n"
                           "      p.poll --json'\n";

static void exit_statuses(struct sk_buf *out) {
    for (const struct sk_status *s = sk_statuses; s->meaning != NULL; s++) {
        sk_buf_printf(out, NULL, "  %-5d", s->status);
        wrap(out, 7, 7, s->meaning);
        if (*s->examples != '\0') {
            sk_buf_printf(out, NULL, "\n%*s", 7, "");
            wrap(out, 7, 7, s->examples);
        }
        sk_buf_add_str(out, "\n", NULL);
    }
    sk_buf_add_str(out,
                   "\nThe names stand in messages and in error.code of the JSON form. A failure ends a\n"
                   "script or a chain, and its status is the status of all.\n\n"
                   "    sockctl connect 127.0.0.1:1 || echo $?\n",
                   NULL);
}

const struct topic topics[] = {
    { .name = "addresses", .summary = "how addresses are written", .text = addresses },
    { .name = "bytes", .summary = "how bytes are typed and printed", .text = bytes },
    { .name = "exit", .summary = "what the exit statuses mean", .text = "", .more = exit_statuses },
    { .name = "json", .summary = "the output of --json, and of -i --json", .text = json },
    { .name = "proxies", .summary = "proxies on the way, and the PROXY protocol", .text = proxies },
    { .name = "testing", .summary = "commands for tests", .text = testing },
    { .name = "timeouts", .summary = "how long commands wait", .text = timeouts },
    { .name = "tls", .summary = "connections that are encrypted and verified", .text = tls },
    { .name = "variables", .summary = "names, variables and operators in text", .text = variables },
    { .name = "http", .summary = "a request by hand", .text = http, .example = true },
    { .name = "redis", .summary = "commands to a redis server", .text = redis, .example = true },
    { .name = "smtp", .summary = "a talk with a mail server", .text = smtp, .example = true },
    { .name = "udp", .summary = "datagrams there and back", .text = udp, .example = true },
    { .name = "server", .summary = "server and client in one script", .text = server, .example = true },
    { .name = "poll", .summary = "waiting for several sockets", .text = poll, .example = true },
};
const size_t topic_count = sizeof topics / sizeof *topics;

const struct topic *topic_find(const char *name) {
    for (size_t i = 0; i < topic_count; i++)
        if (strcmp(topics[i].name, name) == 0)
            return &topics[i];
    return NULL;
}

/* Lines that begin with a blank stay as they are; the others are paragraphs. */
void topic_page(const struct topic *topic, struct sk_buf *out) {
    sk_buf_printf(out, NULL, "%s: %s\n\n", topic->name, topic->summary);
    char paragraph[1024] = "";
    for (const char *p = topic->text; *p != '\0';) {
        size_t n = strcspn(p, "\n"), used = strlen(paragraph);
        bool running = n > 0 && *p != ' ';
        if (running)
            snprintf(paragraph + used, sizeof paragraph - used, "%s%.*s", used > 0 ? " " : "", (int)n, p);
        const char *next = p + n + (p[n] == '\n');
        if (running && (*next == '\0' || *next == '\n' || *next == ' ')) {
            wrap(out, 0, 0, paragraph);
            sk_buf_add_str(out, "\n", NULL);
            paragraph[0] = '\0';
        } else if (!running) {
            sk_buf_printf(out, NULL, "%.*s\n", (int)n, p);
        }
        p = next;
    }
    if (topic->more != NULL)
        topic->more(out);
}

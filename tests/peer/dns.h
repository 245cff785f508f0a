/* `peer dns`: see dns.c. */
#ifndef PEER_DNS_H
#define PEER_DNS_H

int dns_main(int argc, char **argv); /* argv[0] is "dns" */

#endif

/* Private to the net folder; apart from net_internal.h because linux/tcp.h and netinet/tcp.h, which
 * libuv includes, exclude each other. */
#ifndef SUPPORTD_NET_TCP_COUNT_H
#define SUPPORTD_NET_TCP_COUNT_H
#include <stdint.h>

/* Bytes that have been read from TCP socket fd so far; one more once the peer's end has come; 0 if
 * the kernel does not tell. */
uint64_t sup_net_tcp_bytes_read(int fd);
#endif

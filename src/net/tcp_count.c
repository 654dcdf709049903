#include "tcp_count.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

uint64_t sup_net_tcp_bytes_read(int fd)
{
    struct tcp_info info = {.tcpi_state = 0};
    socklen_t len = sizeof(info);
    int waiting = 0;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 ||
        ioctl(fd, SIOCINQ, &waiting) != 0)
        return 0;
    return waiting < 0 ? 0 : (uint64_t)info.tcpi_bytes_received - (uint64_t)waiting;
}

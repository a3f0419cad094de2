/* A non-blocking connection to this machine, plain or (built with -DWITH_TLS) under TLS. */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef WITH_TLS
#include <openssl/ssl.h>
#endif

typedef struct {
    int fd;
#ifdef WITH_TLS
    SSL *ssl;
#endif
} Transport;

enum { LATER = -1, LOST = -2 };

#ifdef WITH_TLS
static SSL_CTX *tls_context;
#endif

/* 0, or -1 if this program was built without TLS. */
static int transport_use_tls(void) {
#ifdef WITH_TLS
    tls_context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(tls_context, SSL_VERIFY_NONE, NULL); /* our own server's development certificate */
    SSL_CTX_set_mode(tls_context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return 0;
#else
    return -1;
#endif
}

/* Begin to connect to a port of this machine; 0, or LOST. */
static int transport_connect(Transport *t, int port) {
    t->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (t->fd < 0) return LOST;
    int one = 1;
    setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(t->fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS)
        return LOST;
#ifdef WITH_TLS
    t->ssl = NULL;
    if (tls_context != NULL) {
        t->ssl = SSL_new(tls_context);
        SSL_set_fd(t->ssl, t->fd);
        SSL_set_connect_state(t->ssl);
    }
#endif
    return 0;
}

#ifdef WITH_TLS
static ssize_t tls_result(Transport *t, int result) {
    if (result > 0) return result;
    int why = SSL_get_error(t->ssl, result);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? LATER : LOST;
}
#endif

/* How many bytes were read, LATER or LOST. */
static ssize_t transport_read(Transport *t, uint8_t *buffer, size_t size) {
#ifdef WITH_TLS
    if (t->ssl != NULL) return tls_result(t, SSL_read(t->ssl, buffer, (int)size));
#endif
    ssize_t count = recv(t->fd, buffer, size, 0);
    if (count > 0) return count;
    return count < 0 && (errno == EAGAIN || errno == EINTR) ? LATER : LOST;
}

/* How many bytes were taken, LATER or LOST. */
static ssize_t transport_write(Transport *t, const uint8_t *data, size_t size) {
#ifdef WITH_TLS
    if (t->ssl != NULL) return tls_result(t, SSL_write(t->ssl, data, (int)size));
#endif
    ssize_t count = send(t->fd, data, size, MSG_NOSIGNAL);
    if (count >= 0) return count;
    return errno == EAGAIN || errno == EINTR ? LATER : LOST;
}

/* Whether more may be at hand than epoll knows of. */
static int transport_keeps_bytes(const Transport *t) {
#ifdef WITH_TLS
    return t->ssl != NULL;
#else
    (void)t;
    return 0;
#endif
}

/* Say that nothing more will be sent; what was is still delivered. */
static void transport_finish(const Transport *t) {
#ifdef WITH_TLS
    if (t->ssl != NULL) return;
#endif
    shutdown(t->fd, SHUT_WR);
}

static void transport_close(Transport *t) {
#ifdef WITH_TLS
    if (t->ssl != NULL) SSL_free(t->ssl);
    t->ssl = NULL;
#endif
    if (t->fd >= 0) close(t->fd);
    t->fd = -1;
}

#endif

#include "net/endpoint_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"

static const char *const s_schemes[] = {
    [ZLOOM__TCP] = "tcp://", [ZLOOM__IPC] = "ipc://", [ZLOOM__INPROC] = "inproc://"};

const char *zloom__endpoint_address (const zloom__endpoint_t *self)
{
    return self->text + strlen (s_schemes[self->transport]);
}

static bool s_is_separator (char c)
{
    return c == ',' || c == ' ' || c == '\t' || c == '\n';
}

//  tcp needs a host and a port (or `*`), the others a name.
static const char *s_find_flaw (const zloom__endpoint_t *self)
{
    const char *address = zloom__endpoint_address (self);
    if (!*address)
        return "there is no address behind the '://'";
    if (self->transport == ZLOOM__IPC
        && strlen (address) >= sizeof ((struct sockaddr_un *) 0)->sun_path)
        return "an ipc path may have at most 107 bytes";
    if (self->transport != ZLOOM__TCP)
        return NULL;
    const char *colon = strrchr (address, ':');
    if (!colon || colon == address || !colon[1])
        return "a tcp endpoint is tcp://HOST:PORT";
    const char *port = colon + 1;
    if (strcmp (port, "*") == 0)
        return NULL;
    bool is_number = strspn (port, "0123456789") == strlen (port);
    if (!is_number || strtol (port, NULL, 10) > 65535)
        return "the port is a number from 0 to 65535";
    return NULL;
}

static zloom_code_t s_parse (zloom_bytes_t piece, zloom__endpoint_t *ret, zloom_error_t *reterr)
{
    char shown[80];
    zloom_text_escape (shown, sizeof shown, piece);
    *ret = (zloom__endpoint_t){0};
    ret->dials = piece.data[0] == '>';
    ret->binds = piece.data[0] == '@';
    if (ret->dials || ret->binds)
        piece = zloom_bytes (piece.data + 1, piece.size - 1);
    if (piece.size >= sizeof ret->text)
        return zloom_error_set (reterr, ZLOOM_REASON_BAD_ENDPOINT, "'%s': longer than %d bytes",
                                shown, ZLOOM__ENDPOINT_MAX - 1);
    memcpy (ret->text, piece.data, piece.size);

    int t = ZLOOM__TCP;
    while (t <= ZLOOM__INPROC && strncmp (ret->text, s_schemes[t], strlen (s_schemes[t])) != 0)
        t++;
    ret->transport = (zloom__transport_t) t;
    const char *flaw = t > ZLOOM__INPROC
                           ? "an endpoint is tcp://HOST:PORT, ipc://PATH or inproc://NAME"
                           : s_find_flaw (ret);
    if (!flaw)
        return ZLOOM_OK;
    return zloom_error_set (reterr, ZLOOM_REASON_BAD_ENDPOINT, "'%s': %s", shown, flaw);
}

bool zloom__endpoint_next (const char **list_p, zloom__endpoint_t *ret_endpoint,
                           zloom_code_t *ret_code, zloom_error_t *reterr)
{
    const char *from = *list_p;
    while (*from && s_is_separator (*from))
        from++;
    const char *to = from;
    while (*to && !s_is_separator (*to))
        to++;
    *list_p = to;
    *ret_code = ZLOOM_OK;
    if (from == to)
        return false;
    *ret_code = s_parse (zloom_bytes (from, (size_t) (to - from)), ret_endpoint, reterr);
    return *ret_code == ZLOOM_OK;
}

//  Only what is an address as a whole is taken at its word: libzmq binds what
//  follows a ';', and "127.0.0.1.example.org" is anybody's.
static bool s_is_loopback (const char *address)
{
    char host[ZLOOM__ENDPOINT_MAX];
    size_t length = (size_t) (strrchr (address, ':') - address);
    memcpy (host, address, length);
    host[length] = 0;
    struct in_addr v4;
    if (inet_pton (AF_INET, host, &v4) == 1)
        return ntohl (v4.s_addr) >> 24 == IN_LOOPBACKNET;
    if (host[0] == '[' && host[length - 1] == ']') {
        host[length - 1] = 0;
        struct in6_addr v6;
        return inet_pton (AF_INET6, host + 1, &v6) == 1 && IN6_IS_ADDR_LOOPBACK (&v6);
    }
    return strcmp (host, "localhost") == 0 || strcmp (host, "lo") == 0;
}

//  The directory of an ipc path, in `ret_directory` (as large as an endpoint).
static const char *s_directory (const zloom__endpoint_t *self, char *ret_directory)
{
    snprintf (ret_directory, ZLOOM__ENDPOINT_MAX, "%s", zloom__endpoint_address (self));
    return dirname (ret_directory);
}

static zloom_code_t s_check_ipc (const zloom__endpoint_t *self, zloom_error_t *reterr)
{
    //  libzmq makes a private directory for a path of its choice.
    if (zloom__endpoint_address (self)[0] == '*')
        return ZLOOM_OK;
    if (zloom__endpoint_address (self)[0] == '@')
        return zloom_error_set (reterr, ZLOOM_REASON_INSECURE_BIND,
                                "'%s': every user can reach an abstract name; use a path in a "
                                "private directory, or allow it by insecure_public",
                                self->text);
    char copy[ZLOOM__ENDPOINT_MAX];
    const char *directory = s_directory (self, copy);
    struct stat info;
    if (stat (directory, &info) == -1 || !S_ISDIR (info.st_mode))
        return zloom_error_set (reterr, ZLOOM_REASON_ADDRESS, "'%s': there is no directory '%s'",
                                self->text, directory);
    bool is_ours = info.st_uid == geteuid () || info.st_uid == 0;
    if (is_ours && (info.st_mode & 077) == 0)
        return ZLOOM_OK;
    return zloom_error_set (reterr, ZLOOM_REASON_INSECURE_BIND,
                            "'%s': other users can enter '%s'; use a private directory (mkdir -m "
                            "700), or allow it by insecure_public",
                            self->text, directory);
}

zloom_code_t zloom__endpoint_check_private (const zloom__endpoint_t *self, zloom_error_t *reterr)
{
    if (self->transport == ZLOOM__IPC)
        return s_check_ipc (self, reterr);
    if (self->transport == ZLOOM__INPROC || s_is_loopback (zloom__endpoint_address (self)))
        return ZLOOM_OK;
    return zloom_error_set (reterr, ZLOOM_REASON_INSECURE_BIND,
                            "'%s' can be reached from other machines, and there are no keys; bind "
                            "127.0.0.1, or allow it by insecure_public",
                            self->text);
}

//  Open and lock the file, unless its last owner removes it at this moment.
static int s_try_lock (const char *path)
{
    int lock = open (path, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock == -1)
        return -1;
    struct stat held, named;
    if (flock (lock, LOCK_EX | LOCK_NB) == -1) {
        int was = errno;
        close (lock);
        errno = was;
        return -1;
    }
    if (fstat (lock, &held) == 0 && stat (path, &named) == 0 && held.st_ino == named.st_ino)
        return lock;
    close (lock);
    errno = EAGAIN;
    return -1;
}

static void s_lock_path (const zloom__endpoint_t *self, char *ret_path)
{
    snprintf (ret_path, ZLOOM__ENDPOINT_MAX, "%s.lock", zloom__endpoint_address (self));
}

//  Whether a bind, which removes what lies there, would destroy a thing of
//  somebody's. A socket is none: nobody has the claim to it.
static bool s_is_in_the_way (const char *path)
{
    struct stat info;
    return lstat (path, &info) == 0 && !S_ISSOCK (info.st_mode);
}

static zloom_code_t s_fail_claim (const zloom__endpoint_t *self, const char *path,
                                  zloom_error_t *reterr)
{
    if (errno == EWOULDBLOCK)
        return zloom_error_set (reterr, ZLOOM_REASON_ADDRESS_IN_USE, "'%s': another server has it",
                                self->text);
    bool is_full = errno == EMFILE || errno == ENFILE;
    return zloom_error_set (reterr, is_full ? ZLOOM_REASON_DESCRIPTORS : ZLOOM_REASON_ADDRESS,
                            "'%s': %s", path, strerror (errno));
}

zloom_code_t zloom__endpoint_claim (const zloom__endpoint_t *self, int *ret_lock,
                                    zloom_error_t *reterr)
{
    *ret_lock = -1;
    const char *address = zloom__endpoint_address (self);
    if (self->transport != ZLOOM__IPC || address[0] == '@' || address[0] == '*')
        return ZLOOM_OK;
    if (s_is_in_the_way (address))
        return zloom_error_set (reterr, ZLOOM_REASON_ADDRESS,
                                "'%s': something is there that is no socket", self->text);

    char path[ZLOOM__ENDPOINT_MAX];
    s_lock_path (self, path);
    int lock = s_try_lock (path);
    for (int tries = 1; lock == -1 && errno == EAGAIN && tries < 3; tries++)
        lock = s_try_lock (path);
    if (lock == -1)
        return s_fail_claim (self, path, reterr);
    *ret_lock = lock;
    return ZLOOM_OK;
}

void zloom__endpoint_release (const zloom__endpoint_t *self, int lock)
{
    if (lock == -1)
        return;
    char path[ZLOOM__ENDPOINT_MAX];
    s_lock_path (self, path);
    unlink (zloom__endpoint_address (self));
    unlink (path);
    close (lock);
}

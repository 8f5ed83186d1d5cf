/* Asks edged about an image that never crosses the socket.
 *
 * A sealed memfd is registered once, with its descriptor; every request after that is a
 * few hundred bytes. Written from docs/reference/shared-memory.md.
 *
 *     cc -O2 -o shm_client shm_client.c
 *     ./shm_client /run/edged/edged.sock
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { SIZE = 4096, PIXELS = 8 * 8, CLASSES = 10, OUTPUT_AT = 1024 };

static const char INFER[] =
    "{\"inputs\": [{\"name\": \"image\", \"datatype\": \"FP32\", \"shape\": [1, 1, 8, 8],"
    " \"parameters\": {\"shared_memory_region\": \"frames\","
    " \"shared_memory_offset\": 0, \"shared_memory_byte_size\": 256}}],"
    " \"outputs\": [{\"name\": \"probabilities\", \"parameters\":"
    " {\"shared_memory_region\": \"frames\","
    " \"shared_memory_offset\": 1024, \"shared_memory_byte_size\": 40}}]}";

static void die(const char *what) {
    perror(what);
    exit(1);
}

/* Posts a body; a descriptor, if there is one, goes with the first byte. */
static void post(int sock, const char *path, const char *body, int fd) {
    char request[2048];
    int length = snprintf(request, sizeof request,
                          "POST %s HTTP/1.1\r\nHost: edged\r\nContent-Length: %zu\r\n\r\n%s",
                          path, strlen(body), body);
    struct iovec part = {request, (size_t)length};
    union { struct cmsghdr head; char room[CMSG_SPACE(sizeof(int))]; } control = {0};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0) {
        message.msg_control = control.room;
        message.msg_controllen = sizeof control.room;
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    }
    /* A request this small goes in one piece into a blocking socket. */
    if (sendmsg(sock, &message, MSG_NOSIGNAL) != length)
        die("sendmsg");
}

/* Reads one answer; returns its status and leaves its body in `answer`. */
static int receive(int sock, char *answer, size_t size) {
    size_t have = 0, need = size;
    char *end = NULL;
    while (have < need) {
        ssize_t got = recv(sock, answer + have, size - 1 - have, 0);
        if (got <= 0)
            die(got ? "recv" : "edged closed the connection");
        answer[have += (size_t)got] = '\0';
        if (!end && (end = strstr(answer, "\r\n\r\n"))) {
            char *length = strcasestr(answer, "\r\nContent-Length:");
            if (!length || length > end)
                die("an answer without a length");
            need = (size_t)(end + 4 - answer) + strtoul(length + 17, NULL, 10);
            if (need >= size)
                die("an answer that is too long");
        }
    }
    int status = atoi(answer + strlen("HTTP/1.1 "));
    memmove(answer, end + 4, strlen(end + 4) + 1);
    return status;
}

int main(int argc, char **argv) {
    char answer[8192];
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    strncpy(name.sun_path, argc > 1 ? argv[1] : "/run/edged/edged.sock",
            sizeof name.sun_path - 1);
    int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (sock < 0 || connect(sock, (struct sockaddr *)&name, sizeof name))
        die(name.sun_path);

    /* Memory that can neither shrink nor grow, and that is there before it is touched. */
    int fd = memfd_create("frames", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || (errno = posix_fallocate(fd, 0, SIZE)) ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW))
        die("memfd");
    char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        die("mmap");

    post(sock, "/v2/systemsharedmemory/region/frames/register",
         "{\"key\": \"fd:0\", \"byte_size\": 4096}", fd);
    if (receive(sock, answer, sizeof answer) != 200) {
        fprintf(stderr, "%s\n", answer);
        return 1;
    }
    close(fd); /* the mapping stays, here and there */

    /* A one, drawn by hand: two columns of ink. */
    float *image = (float *)memory, *found = (float *)(memory + OUTPUT_AT);
    for (int pixel = 0; pixel < PIXELS; pixel++)
        image[pixel] = pixel % 8 == 3 || pixel % 8 == 4 ? 1.0f : 0.0f;

    post(sock, "/v2/models/digits/infer", INFER, -1);
    if (receive(sock, answer, sizeof answer) != 200) {
        fprintf(stderr, "%s\n", answer);
        return 1;
    }
    for (int digit = 0; digit < CLASSES; digit++)
        printf("%d %.4f\n", digit, found[digit]);
    return 0; /* the region goes with the connection */
}

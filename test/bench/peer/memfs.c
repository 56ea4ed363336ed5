/*
 * memfs FOLDER MOUNTPOINT: the benchmark's reference. A read-only, low-level libfuse3 file system
 * that serves a copy of a folder from memory, uncompressed. Nothing that reads a disk, inflates or
 * queries an index can be faster, unless it does that work before it is asked.
 *
 * It uses what makes libfuse fast:
 *
 * - READDIRPLUS always.
 * - No OPEN and no OPENDIR, so that the kernel keeps pages and listings.
 * - Names and attributes valid for an hour.
 * - A thread and a descriptor for each waiting request.
 * - Replies written directly from the stored bytes.
 *
 * It has no extended attributes, so the kernel stops asking for them after the first request.
 */
#define FUSE_USE_VERSION 312
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VALID_S 3600.0
#define MAX_NODES (1u << 20)
#define SLOTS (MAX_NODES * 2)

struct node {
  char *name;
  struct stat stat; /* st_ino is the node's number, which is its nodeid too */
  char *data;
  uint32_t parent, first, next, count; /* children: numbers, linked; 0 ends */
  uint32_t *children;
};

static struct node *nodes;
static uint32_t node_count = FUSE_ROOT_ID;
static uint32_t *slots; /* of parent and name */

static uint32_t slot_of(uint32_t parent, const char *name) {
  uint32_t hash = 2166136261u ^ parent;
  for (const char *at = name; *at; at++) hash = (hash ^ (uint8_t)*at) * 16777619u;
  hash %= SLOTS;
  while (slots[hash] && (nodes[slots[hash]].parent != parent || strcmp(nodes[slots[hash]].name, name))) hash = (hash + 1) % SLOTS;
  return hash;
}

static void load_file(int folder, const char *name, struct node *node) {
  int fd = openat(folder, name, O_RDONLY);
  if (fd < 0 || !(node->data = malloc(node->stat.st_size + 1))) err(1, "%s", name);
  if (read(fd, node->data, node->stat.st_size) != node->stat.st_size) err(1, "%s: short", name);
  close(fd);
}

/* Takes over the descriptor. */
static void load_folder(int fd, uint32_t number) {
  DIR *folder = fdopendir(fd);
  if (!folder) err(1, "opendir");
  uint32_t last = 0;
  for (struct dirent *entry; (entry = readdir(folder));) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    if (++node_count >= MAX_NODES) errx(1, "more than %u files", MAX_NODES);
    uint32_t child = node_count;
    struct node *node = &nodes[child];
    if (fstatat(fd, entry->d_name, &node->stat, 0)) err(1, "%s", entry->d_name);
    node->stat.st_ino = child;
    node->parent = number;
    node->name = strdup(entry->d_name);
    slots[slot_of(number, node->name)] = child;
    *(last ? &nodes[last].next : &nodes[number].first) = child;
    last = child;
    nodes[number].count++;
    if (S_ISREG(node->stat.st_mode)) load_file(fd, entry->d_name, node);
    else load_folder(openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY), child);
  }
  closedir(folder);
  nodes[number].children = calloc(nodes[number].count + 1, sizeof(uint32_t));
  uint32_t at = 0;
  for (uint32_t child = nodes[number].first; child; child = nodes[child].next) nodes[number].children[at++] = child;
}

static void on_init(void *data, struct fuse_conn_info *connection) {
  (void)data;
  connection->want &= ~FUSE_CAP_READDIRPLUS_AUTO;
  connection->want |= connection->capable &
    (FUSE_CAP_READDIRPLUS | FUSE_CAP_NO_OPEN_SUPPORT | FUSE_CAP_NO_OPENDIR_SUPPORT | FUSE_CAP_PARALLEL_DIROPS);
  connection->max_readahead = 1 << 20;
  connection->max_background = 64;
  connection->congestion_threshold = 48;
}

static struct fuse_entry_param entry_of(uint32_t number) {
  struct fuse_entry_param entry = {.ino = number, .attr = nodes[number].stat, .attr_timeout = VALID_S, .entry_timeout = VALID_S};
  return entry;
}

static void on_lookup(fuse_req_t request, fuse_ino_t parent, const char *name) {
  struct fuse_entry_param entry = {.entry_timeout = VALID_S}; /* number 0: there is no such name */
  uint32_t number = slots[slot_of(parent, name)];
  if (number) entry = entry_of(number);
  fuse_reply_entry(request, &entry);
}

static void on_getattr(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *file) {
  (void)file;
  fuse_reply_attr(request, &nodes[number].stat, VALID_S);
}

static void on_open(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *file) {
  (void)number, (void)file;
  fuse_reply_err(request, ENOSYS);
}

static void on_read(fuse_req_t request, fuse_ino_t number, size_t size, off_t offset, struct fuse_file_info *file) {
  (void)file;
  struct node *node = &nodes[number];
  size_t left = offset < node->stat.st_size ? node->stat.st_size - offset : 0;
  fuse_reply_buf(request, node->data + (left ? offset : 0), size < left ? size : left);
}

static void list(fuse_req_t request, fuse_ino_t number, size_t size, off_t offset, int plus) {
  struct node *folder = &nodes[number];
  char *buffer = malloc(size);
  size_t used = 0;
  for (uint32_t at = offset; at < folder->count; at++) {
    uint32_t child = folder->children[at];
    struct fuse_entry_param entry = entry_of(child);
    size_t bytes = plus ? fuse_add_direntry_plus(request, buffer + used, size - used, nodes[child].name, &entry, at + 1)
                        : fuse_add_direntry(request, buffer + used, size - used, nodes[child].name, &entry.attr, at + 1);
    if (bytes > size - used) break;
    used += bytes;
  }
  fuse_reply_buf(request, buffer, used);
  free(buffer);
}

static void on_readdir(fuse_req_t request, fuse_ino_t number, size_t size, off_t offset, struct fuse_file_info *file) {
  (void)file;
  list(request, number, size, offset, 0);
}

static void on_readdirplus(fuse_req_t request, fuse_ino_t number, size_t size, off_t offset, struct fuse_file_info *file) {
  (void)file;
  list(request, number, size, offset, 1);
}

static const struct fuse_lowlevel_ops operations = {
  .init = on_init,
  .lookup = on_lookup,
  .getattr = on_getattr,
  .open = on_open,
  .opendir = on_open,
  .read = on_read,
  .readdir = on_readdir,
  .readdirplus = on_readdirplus,
};

int main(int argc, char **argv) {
  if (argc != 3) errx(2, "usage: memfs FOLDER MOUNTPOINT");
  nodes = calloc(MAX_NODES, sizeof(struct node));
  slots = calloc(SLOTS, sizeof(uint32_t));
  int fd = open(argv[1], O_RDONLY | O_DIRECTORY);
  if (!nodes || !slots || fd < 0 || fstat(fd, &nodes[FUSE_ROOT_ID].stat)) err(1, "%s", argv[1]);
  nodes[FUSE_ROOT_ID].stat.st_ino = FUSE_ROOT_ID;
  load_folder(fd, FUSE_ROOT_ID);

  char *options[] = {argv[0], "-o", "ro,default_permissions,allow_other,fsname=memfs", NULL};
  struct fuse_args args = FUSE_ARGS_INIT(3, options);
  struct fuse_session *session = fuse_session_new(&args, &operations, sizeof operations, NULL);
  if (!session || fuse_set_signal_handlers(session) || fuse_session_mount(session, argv[2])) return 1;
  struct fuse_loop_config *config = fuse_loop_cfg_create();
  fuse_loop_cfg_set_clone_fd(config, 1);
  int status = fuse_session_loop_mt(session, config);
  fuse_session_unmount(session);
  fuse_remove_signal_handlers(session);
  fuse_session_destroy(session);
  return status != 0;
}

/** The flags that Disk.open takes (open(2)), and those of Disk.access (access(2)). */
import { constants } from 'node:fs';

export const {
  O_APPEND,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  R_OK,
  W_OK,
} = constants;

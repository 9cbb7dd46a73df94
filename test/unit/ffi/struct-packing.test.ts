/** The byte layouts and numbers in src/ffi are those of the C headers: a C program says what they are. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { ERRNO, FILE_CONSTANTS, MFD, SEAL, TMPFS_MAGIC } from '../../../src/ffi/libc.js';
import { MEMORY_CONSTANTS } from '../../../src/ffi/mapping.js';
import { MESSAGE_LAYOUT, SCM } from '../../../src/ffi/message-header.js';
import { POLL_CONSTANTS } from '../../../src/ffi/poll.js';
import { MAX_SOCKET_PATH_BYTES, SOCKET_CONSTANTS } from '../../../src/ffi/socket.js';
import { temporaryDirectory } from './descriptors.js';

const compiler = ['cc', 'gcc', 'clang'].find(
  (name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0,
);

/** Name in C → value in src/ffi. Names with a dot are offsets, `sizeof NAME` sizes. */
const EXPECTED: ReadonlyMap<string, number> = new Map<string, number>([
  ['sizeof struct msghdr', MESSAGE_LAYOUT.headerBytes],
  ['struct msghdr.msg_iov', MESSAGE_LAYOUT.iov],
  ['struct msghdr.msg_iovlen', MESSAGE_LAYOUT.iovLength],
  ['struct msghdr.msg_control', MESSAGE_LAYOUT.control],
  ['struct msghdr.msg_controllen', MESSAGE_LAYOUT.controlLength],
  ['struct msghdr.msg_flags', MESSAGE_LAYOUT.flags],
  ['sizeof struct iovec', MESSAGE_LAYOUT.segmentBytes],
  ['struct iovec.iov_base', 0],
  ['struct iovec.iov_len', 8],
  ['sizeof struct cmsghdr', MESSAGE_LAYOUT.controlHeaderBytes],
  ['struct cmsghdr.cmsg_len', 0],
  ['struct cmsghdr.cmsg_level', MESSAGE_LAYOUT.controlLevel],
  ['struct cmsghdr.cmsg_type', MESSAGE_LAYOUT.controlType],
  ['sizeof struct pollfd', 8],
  ['struct pollfd.fd', 0],
  ['struct pollfd.events', 4],
  ['struct pollfd.revents', 6],
  ['sizeof struct ucred', 12],
  ['struct ucred.pid', 0],
  ['struct ucred.uid', 4],
  ['struct ucred.gid', 8],
  ['struct sockaddr_un.sun_path', 2],
  ['sizeof struct sockaddr_un', 2 + MAX_SOCKET_PATH_BYTES + 1],
  ['struct statfs.f_type', 0],
  ['struct epoll_event.events', 0],
  ['TMPFS_MAGIC', TMPFS_MAGIC],
  ...prefixed('MFD_', MFD),
  ...prefixed('F_SEAL_', SEAL),
  ...prefixed('', ERRNO),
  ...prefixed('', FILE_CONSTANTS),
  ...prefixed('', MEMORY_CONSTANTS),
  ...prefixed('', SCM),
  ...prefixed('', SOCKET_CONSTANTS),
  ...prefixed('', POLL_CONSTANTS),
]);

/** Older headers lack these; the values were checked where they exist. */
const NEWER_THAN_SOME_HEADERS = new Set(['SO_PEERPIDFD', 'MFD_NOEXEC_SEAL', 'F_SEAL_EXEC']);

function prefixed(prefix: string, values: Readonly<Record<string, number>>): [string, number][] {
  return Object.entries(values).map(([name, value]) => [prefix + name, value]);
}

function sourceLine(name: string): string {
  if (name.startsWith('sizeof '))
    return `printf("${name}=%lld\\n", (long long)sizeof(${name.slice(7)}));`;
  const [type, member] = name.split('.');
  if (member !== undefined)
    return `printf("${name}=%lld\\n", (long long)offsetof(${type}, ${member}));`;
  // A constant may be an enum, which #ifdef cannot see: only the newer ones, all macros, are asked for.
  const line = `printf("${name}=%lld\\n", (long long)(${name}));`;
  return NEWER_THAN_SOME_HEADERS.has(name) ? `\n#ifdef ${name}\n${line}\n#endif` : line;
}

const SOURCE = `#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <asm/socket.h>
#include <linux/magic.h>
#include <linux/memfd.h>
int main(void) {
${[...EXPECTED.keys()].map(sourceLine).join('\n')}
return 0;
}
`;

describe(
  'struct layouts and constants',
  { skip: compiler === undefined && 'no C compiler' },
  () => {
    const directory = temporaryDirectory();
    after(() => directory.remove());

    it('are those of the C headers', (context) => {
      const source = join(directory.path, 'layout.c');
      const program = join(directory.path, 'layout');
      writeFileSync(source, SOURCE);
      const compiled = spawnSync(compiler!, ['-o', program, source], { encoding: 'utf8' });
      assert.equal(compiled.status, 0, compiled.stderr);
      const output = spawnSync(program, { encoding: 'utf8' }).stdout;
      const found = new Map(
        output
          .trim()
          .split('\n')
          .map((line) => line.split('=') as [string, string]),
      );
      for (const [name, value] of EXPECTED) {
        const inC = found.get(name);
        if (inC === undefined && NEWER_THAN_SOME_HEADERS.has(name)) {
          context.diagnostic(`${name} is not in these headers`);
          continue;
        }
        assert.equal(Number(inC), value, name);
      }
    });
  },
);

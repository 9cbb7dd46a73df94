/** The line discipline and the size of a terminal: termios(3), ioctl_tty(2). */
import { checked } from './libc.js';
import { lazily, libcFunction } from './koffi.js';

/**
 * struct termios of Linux on x86-64 and arm64, 60 bytes:
 *  0 u32 c_iflag | 4 u32 c_oflag | 8 u32 c_cflag | 12 u32 c_lflag | 16 u8 c_line | 17 u8 c_cc[32] | 52 u32 speeds[2]
 */
const TERMIOS_BYTES = 60;
const CONTROL_CHARACTERS = { offset: 17, count: 32 } as const;

const TCSANOW = 0;
const TIOCGWINSZ = 0x5413;

const calls = lazily(() => ({
  tcgetattr: libcFunction<(fd: number, attributes: Uint8Array) => number>(
    'int tcgetattr(int fd, void *attributes)',
  ),
  tcsetattr: libcFunction<(fd: number, when: number, attributes: Uint8Array) => number>(
    'int tcsetattr(int fd, int when, void *attributes)',
  ),
  cfmakeraw: libcFunction<(attributes: Uint8Array) => void>('void cfmakeraw(void *attributes)'),
  ioctl: libcFunction<(fd: number, request: number, size: Uint8Array) => number>(
    'int ioctl(int fd, ulong request, void *size)',
  ),
}));

/** How a terminal treats input and output: a struct termios, to be put back as it was. */
export type TerminalAttributes = Uint8Array;

/** tcgetattr(3). Throws {@link SystemCallError} ENOTTY for what is no terminal. */
export function terminalAttributes(fd: number): TerminalAttributes {
  const attributes = new Uint8Array(TERMIOS_BYTES);
  checked(calls().tcgetattr(fd, attributes), 'tcgetattr');
  return attributes;
}

/** tcsetattr(3), at once: nothing waits for a terminal that takes no output. */
export function setTerminalAttributes(fd: number, attributes: TerminalAttributes): void {
  checked(calls().tcsetattr(fd, TCSANOW, attributes), 'tcsetattr');
}

/** cfmakeraw(3): every byte comes as it is, nothing is echoed, output is not changed, keys raise no signals. */
export function rawAttributes(attributes: TerminalAttributes): TerminalAttributes {
  const raw = attributes.slice();
  calls().cfmakeraw(raw);
  return raw;
}

/** What `stty -g` prints and `stty` takes: the four flag words and the control characters, in hexadecimal. */
export function sttyText(attributes: TerminalAttributes): string {
  const view = new DataView(attributes.buffer, attributes.byteOffset, attributes.byteLength);
  const flags = [0, 4, 8, 12].map((offset) => view.getUint32(offset, true));
  const { offset, count } = CONTROL_CHARACTERS;
  return [...flags, ...attributes.subarray(offset, offset + count)]
    .map((value) => value.toString(16))
    .join(':');
}

/** ioctl(2) TIOCGWINSZ: columns and rows, undefined where the terminal does not know them. */
export function terminalSize(
  fd: number,
): { readonly columns: number; readonly rows: number } | undefined {
  // struct winsize: u16 rows, u16 columns, two words of pixels.
  const size = new Uint8Array(8);
  checked(calls().ioctl(fd, TIOCGWINSZ, size), 'ioctl(TIOCGWINSZ)');
  const view = new DataView(size.buffer);
  const [rows, columns] = [view.getUint16(0, true), view.getUint16(2, true)];
  return rows > 0 && columns > 0 ? { columns, rows } : undefined;
}

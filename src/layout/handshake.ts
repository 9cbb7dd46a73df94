/** The handshake of a channel's socket: frames, their bodies, and errors on the wire. Pure. */
export * from './handshake-bodies.js';
export * from './handshake-errors.js';
export * from './handshake-frame.js';
export * from './handshake-parse.js';

/** container: the streams that other programs read and write, as bytes. Pure, but for the errors they report. */
export * from './frame-rate.js';
export * from './mpegts.js';
export * from './raw-fourcc.js';
export * from './y4m.js';

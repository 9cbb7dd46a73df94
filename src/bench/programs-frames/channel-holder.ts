/** Two channels that live until this process ends: something for `sluice ls` to show. */
import { bytes, openPublisher, tensor } from '../../index.js';
import { answer, givenTo } from './given.js';

const { directory } = givenTo<{ readonly directory: string }>();

await openPublisher('bench/frames', { format: tensor('u8', [65_536]), directory });
await openPublisher('bench/messages', { format: bytes(), directory });
await answer({ ready: true });

/** The sending end of one subject of the `messages` suite. */
import { openLink } from './message-links.js';
import type { MessageGiven, PhaseReport, PhaseRequest } from './message-wire.js';
import { endWithParent, given, nowNs, serve, tell } from './subject-face.js';

const options = given<MessageGiven>();
endWithParent();

const link = await openLink(options);
if (typeof link === 'string') {
  tell({ missing: link });
} else {
  serve<PhaseRequest>(async ({ batch, durationMs }) => {
    const reported = new Promise<PhaseReport>((resolve) => {
      link.onReport = resolve;
    });
    const startNs = nowNs();
    const sent = await link.send(batch, performance.now() + durationMs);
    await link.end();
    const { received, endNs } = await reported;
    if (received !== sent + 1) {
      throw new Error(`${options.subject}: ${sent + 1} messages were sent, ${received} came`);
    }
    return (received * 1e3) / (endNs - startNs);
  });
}

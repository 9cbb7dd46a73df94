/** Agents of one session beside each other: what is one's is no other's. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openPublisher } from '../../../src/bus/index.js';
import { bytes } from '../../../src/format/index.js';
import type { HostedAgent } from '../../../src/terminal/session/hosted-agent.js';
import { encodeTerminalEvent, TERMINAL_MEDIA_TYPE } from '../../../src/terminal/stream/index.js';
import { SessionStage } from './session-stage.js';

describe('agents of a session', () => {
  it('have their terminal and no other descriptor of the host', async (test) => {
    const stage = new SessionStage(test);
    await stage.start('other', 'exec sleep 1000');
    const viewer = stage.attach(80, 24);
    await stage.start('one', 'ls /proc/$$/fd; echo these; exec sleep 1000');
    await stage.shows('one', /^0 +1 +2( +10| +255)? *\nthese/);
    viewer.close();
  });

  it('are answered what they asked, and not what another one asked', async (test) => {
    const stage = new SessionStage(test);
    const listen = "stty raw -echo; printf ready; head -c 1 | od -An -c | tr -d ' '";
    await stage.start('other', `${listen}; exec sleep 1000`);
    await stage.shows('other', /ready/);
    const ask = "stty raw -echo; printf '\\033[6n'; head -c 6 | od -An -c | tr -d ' '";
    await stage.start('asks', `${ask}; exec sleep 1000`);
    await stage.shows('asks', /033\[1;1R/);
    stage.host.input('other', Buffer.from('x'));
    await stage.shows('other', /readyx/);
  });

  it('are held up alone by what cannot follow them', async (test) => {
    const stage = new SessionStage(test);
    const flood = 'read -r line; seq 200000; echo over; exec sleep 1000';
    await stage.start('held', flood);
    await stage.start('free', flood);
    const held = stage.host.pane('held') as HostedAgent;
    held.press('log', true);
    stage.host.input('held', Buffer.from('\r'));
    stage.host.input('free', Buffer.from('\r'));
    await stage.shows('free', /over/);
    assert.equal(held.log.sequence, 0, 'not even its echo was read');
    held.press('log', false);
    await stage.shows('held', /over/);
    assert.equal(held.log.sequence, stage.host.pane('free').log.sequence);
  });

  it('of other processes say whether they wait by messages, before any guess', async (test) => {
    const stage = new SessionStage(test);
    const options = { format: bytes(TERMINAL_MEDIA_TYPE), directory: stage.directory.path };
    await using publisher = await openPublisher('agent/far', options);
    await stage.until(() => stage.host.panes.length === 1);
    const attention = { state: 'waits', text: 'Deploy?', source: 'message', sinceMs: 0 } as const;
    const { type, bytes: message } = encodeTerminalEvent({ type: 'attention', attention });
    await publisher.send(message, { type });
    const found = await stage.host.next(undefined, true, new AbortController().signal);
    assert.equal(found?.name, 'far');
    assert.deepEqual([found.attention.text, found.attention.source], ['Deploy?', 'message']);
  });
});

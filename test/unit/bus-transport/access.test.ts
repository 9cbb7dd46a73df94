import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mayConnect } from '../../../src/bus/transport/access.js';

const uid = process.geteuid?.() ?? 0;
const stranger = { pid: 0, uid: uid + 1, gid: 4242 };

describe('who may connect', () => {
  it('is the own user, and others by number only', () => {
    assert.ok(mayConnect({ ...stranger, uid }));
    assert.ok(!mayConnect(stranger));
    assert.ok(mayConnect(stranger, { uids: [stranger.uid] }));
    assert.ok(mayConnect(stranger, { gids: [stranger.gid] }));
    assert.ok(!mayConnect(stranger, { uids: [stranger.gid], gids: [stranger.uid] }));
  });

  it('is nobody who reads as the overflow id, unless it is listed', () => {
    const unmapped = { pid: 0, uid: 65534, gid: 65534 };
    if (uid !== 65534) assert.ok(!mayConnect(unmapped));
    assert.ok(mayConnect(unmapped, { uids: [65534] }));
  });
});

/** docker/: no engine runs where these tests do, so what stands in the files is checked. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { posix } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { readConfig } from '../../../src/video/up/index.js';
import { readText, repositoryRoot as ROOT } from './tree.js';

interface Service {
  readonly volumes: readonly { readonly type: string; readonly source: string }[];
  readonly user: string;
  readonly read_only: boolean;
  readonly cap_drop: readonly string[];
  readonly security_opt: readonly string[];
}

const COMPOSE = 'docker/compose.yaml';
const compose = parse(readText(COMPOSE), { merge: true }) as {
  services: Record<string, Service & Record<string, unknown>>;
};
const services = Object.entries(compose.services);

/** Instructions with their continuation lines, without comments. */
function instructionsOf(dockerfile: string): { word: string; rest: string }[] {
  const lines = readText(dockerfile)
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const joined = lines.join('\n').replaceAll(/\\\n\s*/g, '');
  return joined.split('\n').map((line) => {
    const [, word = '', rest = ''] = /^([A-Z]+) (.+)$/.exec(line) ?? [];
    return { word, rest };
  });
}

describe('the compose file', () => {
  it('shares one directory and no namespace', () => {
    assert.equal(services.length, 2);
    for (const [name, service] of services) {
      for (const key of ['pid', 'ipc', 'privileged', 'cap_add', 'devices', 'userns_mode', 'uts']) {
        assert.ok(!(key in service), `${name} has ${key}`);
      }
      assert.ok([undefined, 'none'].includes(service['network_mode'] as string | undefined));
      assert.deepEqual(
        service.volumes.map(({ type, source }) => [type, source]),
        [['bind', '/run/sluice']],
      );
    }
  });

  it('runs as little as it can, as users of their own', () => {
    const users = services.map(([, { user }]) => user);
    assert.equal(new Set(users).size, users.length);
    for (const [name, { user, read_only, cap_drop, security_opt }] of services) {
      assert.match(user, /^[1-9]\d*:4242$/, name);
      assert.equal(read_only, true);
      assert.deepEqual(cap_drop, ['ALL']);
      assert.deepEqual(security_opt, ['no-new-privileges:true']);
    }
  });

  const client = spawnSync('docker', ['compose', 'version']).status === 0;
  it('is taken by docker compose', { skip: client ? false : 'there is no docker compose' }, () => {
    const words = ['compose', '-f', posix.join(ROOT, COMPOSE), 'config', '--quiet'];
    const { status, stderr } = spawnSync('docker', words, {
      env: { ...process.env, DOOR: 'user:password' },
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
  });

  it('has cameras that sluice up takes, and readers that they allow', () => {
    const { plan, problems } = readConfig(readText('docker/sluice.yaml'), { DOOR: 'user:word' });
    assert.deepEqual(problems ?? [], []);
    const reader = Number(compose.services['reader']!.user.split(':')[0]);
    for (const { spec } of plan!.parts) {
      if (spec.kind === 'camera') assert.deepEqual(spec.options.allow?.uids, [reader]);
    }
  });
});

describe('the Dockerfile', () => {
  const instructions = instructionsOf('docker/Dockerfile');

  it('has instructions that there are, and begins its stages with images of a version', () => {
    const known = ['FROM', 'WORKDIR', 'COPY', 'RUN', 'ENV', 'USER', 'ENTRYPOINT', 'CMD'];
    for (const { word } of instructions) assert.ok(known.includes(word), word);
    const bases = instructions.filter(({ word }) => word === 'FROM').map(({ rest }) => rest);
    for (const base of bases) assert.match(base, /^node:20[\w.-]*(?: AS \w+)?$/);
    for (const { word, rest } of instructions) {
      if (word === 'ENTRYPOINT' || word === 'CMD') assert.ok(Array.isArray(JSON.parse(rest)));
    }
  });

  it('does not run as root', () => {
    assert.equal(instructions.findLast(({ word }) => word === 'USER')?.rest, 'node');
  });

  it('copies what there is, and nothing that its ignore file leaves out', () => {
    const kept = readText('docker/Dockerfile.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    const copies = instructions.filter(({ word }) => word === 'COPY').map(({ rest }) => rest);
    for (const copy of copies.filter((rest) => !rest.startsWith('--from'))) {
      for (const source of copy.split(' ').slice(0, -1)) {
        assert.ok(kept.includes(source), `${source} is not in the context`);
        const { dir, base } = posix.parse(source);
        const isThere = base.startsWith('*')
          ? readdirSync(posix.join(ROOT, dir)).some((name) => name.endsWith(base.slice(1)))
          : existsSync(posix.join(ROOT, source));
        assert.ok(isThere, `${source} does not exist`);
      }
    }
  });
});

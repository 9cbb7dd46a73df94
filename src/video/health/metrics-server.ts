/** Health over HTTP: `/metrics` for Prometheus, `/health` as JSON, whose status is 200 or 503. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import type { CloseReason } from '../../bus/index.js';
import { SluiceError } from '../../core/index.js';
import type { Health } from './health.js';
import { PROMETHEUS_TYPE, prometheusText } from './prometheus.js';

const MAX_CONNECTIONS = 32;
/** Of a request, from the first byte to the last. */
const REQUEST_MS = 5000;

export interface MetricsAddress {
  readonly host: string;
  readonly port: number;
}

/** `9464`, `127.0.0.1:9464`, `[::1]:9464`, `0.0.0.0:9464`; port 0 is any. Throws `RangeError`. */
export function parseMetricsAddress(text: string): MetricsAddress {
  const [, given = '', digits = ''] = /^(?:(.*):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  const bare = given === '' || given === 'localhost' ? '127.0.0.1' : given;
  const host = bare.replace(/^\[(.*)\]$/, '$1');
  if (digits !== '' && port <= 65_535 && isIP(host) !== 0) return { host, port };
  throw new RangeError(
    `metrics must be a port or HOST:PORT with an address, as 127.0.0.1:9464, got ${JSON.stringify(text)}`,
  );
}

/** An open server. Whoever opened it closes it. */
export class MetricsServer implements AsyncDisposable {
  readonly closed: Promise<CloseReason>;
  readonly url: string;
  readonly #server: Server;
  #resolveClosed: (reason: CloseReason) => void = () => undefined;

  /** @internal */
  constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
    const failed = (cause: Error): void => {
      const error = new SluiceError('SYSTEM', `metrics at ${url}: ${cause.message}`, { cause });
      this.#resolveClosed({ reason: 'failed', error });
    };
    server.on('error', failed);
  }

  /** Requests under way are cut off. Idempotent. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
    this.#resolveClosed({ reason: 'closed' });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** `health` is asked at each request. Rejects with `RangeError` for no address, `SYSTEM` when it cannot be listened at. */
export async function openMetricsServer(
  address: string,
  version: string,
  health: () => Health,
): Promise<MetricsServer> {
  const { host, port } = parseMetricsAddress(address);
  const answer = (request: IncomingMessage, response: ServerResponse): void =>
    respond(request, response, version, health());
  const timeouts = { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS };
  const server = createServer({ ...timeouts, connectionsCheckingInterval: REQUEST_MS }, answer);
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      const message = `metrics cannot be served at ${address}: ${cause.message}`;
      const remedy = 'Choose another port, or end what listens there.';
      reject(new SluiceError('SYSTEM', message, { cause, remedy }));
    });
    server.listen({ host, port }, resolve);
  });
  const bound = server.address();
  const taken = typeof bound === 'object' && bound !== null ? bound.port : port;
  const shown = host.includes(':') ? `[${host}]` : host;
  return new MetricsServer(server, `http://${shown}:${taken}`);
}

function respond(
  request: IncomingMessage,
  response: ServerResponse,
  version: string,
  health: Health,
): void {
  const send = (status: number, type: string, body: string): void => {
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
    response.end(request.method === 'HEAD' ? undefined : body);
  };
  const plain = 'text/plain; charset=utf-8';
  const path = (request.url ?? '').split('?')[0];
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    send(405, plain, 'GET or HEAD\n');
  } else if (path === '/metrics') send(200, PROMETHEUS_TYPE, prometheusText(health, version));
  else if (path === '/health') {
    send(health.healthy ? 200 : 503, 'application/json', `${JSON.stringify(health)}\n`);
  } else send(404, plain, '/metrics or /health\n');
}

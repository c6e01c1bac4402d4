import * as http from 'node:http';
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { ILogger } from '../core/interfaces.core.js';
import { RequestReports } from './classes.requestreports.js';
import { answerClientError } from './helpers.clienterror.js';
import { hostAnswer } from './helpers.failures.js';
import { withHealth } from './helpers.health.js';
import { type TNodeListener, toNodeListener } from './helpers.nodelistener.js';
import { sendOrDestroy } from './helpers.noderesponse.js';
import { withStartPage } from './helpers.startpage.js';
import { checkTls } from './helpers.tls.js';
import type { INodeServerOptions, IRegistryServer, IRequestHandler, ITlsFiles } from './interfaces.http.js';

const DEFAULTS = {
  host: '127.0.0.1',
  port: 5000,
  maxHeaderSize: 32_768,
  maxHeaderCount: 200,
  headersTimeoutMs: 30_000,
  keepAliveTimeoutMs: 65_000,
  idleTimeoutMs: 60_000,
  shutdownTimeoutMs: 30_000,
};

type TSettings = INodeServerOptions & typeof DEFAULTS;

const withDefaults = (options: INodeServerOptions): TSettings => {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...DEFAULTS, ...Object.fromEntries(given) };
};

const createServer = (settings: TSettings): http.Server => {
  const limits = {
    maxHeaderSize: settings.maxHeaderSize,
    headersTimeout: settings.headersTimeoutMs,
    // an upload may take hours; the core gives it up if its client is silent for too long
    requestTimeout: 0,
    keepAliveTimeout: settings.keepAliveTimeoutMs,
    // ms between Node's checks for late headers
    connectionsCheckingInterval: Math.max(50, Math.min(5_000, settings.headersTimeoutMs / 4)),
  };
  const server = settings.tls
    ? https.createServer({ ...limits, cert: settings.tls.cert, key: settings.tls.key, handshakeTimeout: 30_000 })
    : http.createServer(limits);
  // Node silently drops fields above its limit, so it gets one more: then the excess is seen and refused
  server.maxHeadersCount = settings.maxHeaderCount + 1;
  return server;
};

/** A registry with its own port. */
class NodeServer implements IRegistryServer {
  private readonly server: http.Server;
  private readonly underWay = new Set<http.ServerResponse>();
  private readonly reports: RequestReports | undefined;
  private readonly logger: ILogger | undefined;
  private closed?: Promise<void>;

  constructor(
    registry: IRequestHandler,
    private readonly settings: TSettings,
  ) {
    if (settings.tls) checkTls(settings.tls);
    this.server = createServer(settings);
    this.logger = settings.logger ?? registry.logger;
    const trustProxy = settings.trustProxy ?? registry.trustProxy ?? false;
    // the port belongs to the registry alone: a path that does not begin with a mount is not found, whatever a proxy
    // does
    const handler = { ...this.withOwnPages(registry, trustProxy), locate: undefined };
    const reports = settings.onResponse && new RequestReports(settings.onResponse, trustProxy);
    this.reports = reports;
    const options = { ...settings, trace: reports && ((request: http.IncomingMessage) => reports.traceOf(request)) };
    this.server.on('request', this.withGuards(toNodeListener(handler, options)));
    this.server.on('checkContinue', this.withGuards(toNodeListener(handler, { ...options, answersContinue: true })));
    this.server.on('clientError', (error, socket) => answerClientError(error, socket, this.underWay));
  }

  private withOwnPages(registry: IRequestHandler, trustProxy: boolean): IRequestHandler {
    const handler = withHealth(registry);
    if (!registry.clientSetups) return handler;
    return withStartPage(handler, trustProxy, (origin) => registry.clientSetups?.(origin) ?? []);
  }

  public listen(): Promise<{ host: string; port: number; url: string }> {
    const { server, settings } = this;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(settings.port, settings.host, () => {
        server.off('error', reject);
        server.on('error', (error) => this.logger?.error('The server reported an error', { error: String(error) }));
        const { port } = server.address() as AddressInfo;
        const host = settings.host.includes(':') ? `[${settings.host}]` : settings.host;
        resolve({ host: settings.host, port, url: `${settings.tls ? 'https' : 'http'}://${host}:${port}` });
      });
    });
  }

  public renewTls(tls: ITlsFiles): void {
    const { server } = this;
    if (!(server instanceof https.Server)) throw new Error('This server was made without TLS');
    checkTls(tls);
    server.setSecureContext({ cert: tls.cert, key: tls.key });
  }

  public close(): Promise<void> {
    this.closed ??= this.shutDown();
    return this.closed;
  }

  private async shutDown(): Promise<void> {
    const { server, settings } = this;
    if (!server.listening) return;
    const ended = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    for (const response of this.underWay) this.announceClose(response);
    server.closeIdleConnections();
    const deadline = setTimeout(() => server.closeAllConnections(), settings.shutdownTimeoutMs);
    await ended;
    clearTimeout(deadline);
  }

  private announceClose(response: http.ServerResponse): void {
    if (!response.headersSent) response.setHeader('Connection', 'close');
  }

  /** Wraps the listener with the checks and records for every request. */
  private withGuards(listener: TNodeListener): TNodeListener {
    const { settings, underWay } = this;
    return (request, response) => {
      underWay.add(response);
      this.reports?.follow(request, response);
      response.on('close', () => {
        underWay.delete(response);
        // a connection with keep-alive becomes idle only after this event
        if (this.closed) setImmediate(() => this.server.closeIdleConnections());
      });
      if (this.closed) this.announceClose(response);
      if (request.rawHeaders.length / 2 <= settings.maxHeaderCount) {
        listener(request, response);
        return;
      }
      const refusal = hostAnswer(
        431,
        { error: `More than ${settings.maxHeaderCount} header fields` },
        { Connection: 'close' },
      );
      void sendOrDestroy({ request, response, idleTimeoutMs: settings.idleTimeoutMs }, refusal);
    };
  }
}

/**
 * A complete server for the registry on node:http or node:https: `100 Continue` only after authorisation, limits and
 * time-outs against slow or oversized clients, `/-/health`, a start page at `/`, graceful `close()`. The registry must
 * have been initialised. Throws if the certificate and key of `tls` cannot be used.
 */
export const createNodeServer = (registry: IRequestHandler, options: INodeServerOptions = {}): IRegistryServer =>
  new NodeServer(registry, withDefaults(options));

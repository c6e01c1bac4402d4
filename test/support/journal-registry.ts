import {
  BaseRegistry,
  type IProtocolConfig,
  type IRegistryServices,
  type IResponse,
  type IRoute,
  OrderedLog,
  PackageCatalog,
  type RegistryCall,
  type RegistryError,
  respond,
} from '../../ts/index.js';
import { DOCUMENTS, HEAD_KEY, type IJournal, journalFormat, journalKey, SEGMENTS } from './journal.js';

/** A protocol of the tests' own whose clients read a log of all changes. */
export class JournalRegistry extends BaseRegistry {
  public readonly protocol = 'journal';
  public readonly log: OrderedLog<IJournal>;
  public readonly catalog: PackageCatalog<IJournal, { changes: number }>;

  constructor(services: IRegistryServices, config: IProtocolConfig) {
    super(services, config);
    const documents = { prefix: DOCUMENTS, nameOf: (key: string) => key.slice(DOCUMENTS.length, -'.json'.length) };
    const { storage } = services;
    this.log = new OrderedLog<IJournal>(storage, {
      headKey: HEAD_KEY,
      segments: SEGMENTS,
      documentKey: journalKey,
      documents,
      format: journalFormat,
    });
    this.catalog = new PackageCatalog<IJournal, { changes: number }>(storage, {
      prefix: 'journal/catalog',
      documentKey: journalKey,
      documents,
      entry: (_name, { changes }) => ({ changes: changes.length }),
      log: this.log,
    });
  }

  protected routes(): IRoute[] {
    const listing = { type: 'page', listing: true } as const;
    const write = { type: 'page', action: 'write', name: 'name' } as const;
    return [
      {
        method: 'GET',
        path: '/log',
        access: listing,
        handle: (call) => call.serveLog(this.log, { contentType: 'text/plain' }),
      },
      {
        method: 'GET',
        path: '/counts.gz',
        access: listing,
        handle: (call) =>
          call.serveListing(this.catalog, {
            variant: 'counts',
            render: {
              contentType: 'application/octet-stream',
              pieces: (packages) => packages.map(({ name, entry }) => Buffer.from([name.length, entry.changes])),
              gzip: true,
            },
          }),
      },
      { method: 'PUT', path: '/{name}/{text}', access: write, handle: (call) => this.put(call) },
    ];
  }

  protected renderError(error: RegistryError): IResponse {
    return respond(error.status, { problem: error.message }, error.headers);
  }

  private async put(call: RegistryCall): Promise<IResponse> {
    const { name, text } = call.params as { name: string; text: string };
    await call.storage.commit<IJournal>({
      packageName: name,
      document: {
        key: journalKey(name),
        apply: (current) => ({ name, changes: [...(current?.changes ?? []), text] }),
      },
      catalog: this.catalog,
    });
    return respond(201, {});
  }
}

/** An entry of `registries`, and the registry that was made of it. */
export const journalProtocol = () => {
  const made: { registry?: JournalRegistry } = {};
  const entry = {
    protocol: 'journal',
    basePath: '/journal',
    create: (services: IRegistryServices, config: IProtocolConfig) => {
      made.registry = new JournalRegistry(services, config);
      return made.registry;
    },
  };
  return { entry, made };
};

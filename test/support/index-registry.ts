import {
  BaseRegistry,
  type IProtocolConfig,
  type IRegistryServices,
  type IResponse,
  type IRoute,
  PackageCatalog,
  type RegistryCall,
  type RegistryError,
  respond,
} from '../../ts/index.js';

interface IShown {
  text: string;
}

export const documentKey = (name: string): string => `index/packages/${name}.json`;

/** A protocol of the tests' own whose clients read one list of all packages. Its documents have no revision inside. */
export class IndexRegistry extends BaseRegistry {
  public readonly protocol = 'index';
  public rendered = 0;
  public readonly catalog: PackageCatalog<IShown, IShown>;

  constructor(services: IRegistryServices, config: IProtocolConfig) {
    super(services, config);
    this.catalog = new PackageCatalog<IShown, IShown>(services.storage, {
      prefix: 'index/catalog',
      documentKey,
      documents: { prefix: 'index/packages/', nameOf: (key) => /^index\/packages\/(.+)\.json$/.exec(key)?.[1] },
      entry: (_name, document) => document,
    });
  }

  protected routes(): IRoute[] {
    const listing = { type: 'page', listing: true } as const;
    const write = { type: 'page', action: 'write', name: 'name' } as const;
    return [
      { method: 'GET', path: '/all.json', access: listing, handle: (call) => this.all(call) },
      { method: 'GET', path: '/all.txt', access: listing, handle: (call) => this.names(call) },
      { method: 'PUT', path: '/{name}', access: write, handle: (call) => this.put(call, { text: 'new' }) },
      { method: 'DELETE', path: '/{name}', access: write, handle: (call) => this.put(call, null) },
    ];
  }

  protected renderError(error: RegistryError): IResponse {
    return respond(error.status, { problem: error.message });
  }

  private all(call: RegistryCall): Promise<IResponse> {
    return call.serveListing(this.catalog, {
      variant: 'json',
      render: {
        contentType: 'application/json',
        header: '{',
        entry: (name, { text }) => {
          this.rendered++;
          return `${JSON.stringify(name)}:${JSON.stringify(text)}`;
        },
        separator: ',\n',
        footer: '}\n',
      },
      headers: { 'X-Kind': 'all' },
    });
  }

  private names(call: RegistryCall): Promise<IResponse> {
    const entry = (name: string): string | null => (name.startsWith('hidden') ? null : `${name}\n`);
    return call.serveListing(this.catalog, { variant: 'txt', render: { contentType: 'text/plain', entry } });
  }

  private async put(call: RegistryCall, document: IShown | null): Promise<IResponse> {
    const { name } = call.params as { name: string };
    await call.storage.commit<IShown>({
      packageName: name,
      document: { key: documentKey(name), apply: () => document },
      catalog: this.catalog,
    });
    return respond(201, {});
  }
}

/** An entry of `registries`, and the registry that was made of it. */
export const indexProtocol = () => {
  const made: { registry?: IndexRegistry } = {};
  const entry = {
    protocol: 'index',
    basePath: '/index',
    create: (services: IRegistryServices, config: IProtocolConfig) => {
      made.registry = new IndexRegistry(services, config);
      return made.registry;
    },
  };
  return { entry, made };
};

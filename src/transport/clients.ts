// One client of undici, and so one connection, for each request in flight, as pool.ts has sockets: without a limit, the
// last one used first. undici's own pool can't be told to open a connection: it opens one only for a request for which
// none is idle.

import { buildConnector, Client, Dispatcher } from 'undici';

export class Clients extends Dispatcher {
  private readonly origin: string | URL;
  private readonly options: Client.Options;
  private readonly all = new Set<Client>();
  private readonly busy = new Set<Client>();
  private idle: Client[] = [];
  private isDestroyed = false;

  constructor(origin: string | URL, { connect, ...options }: Client.Options) {
    super();
    this.origin = origin;
    // One for all: it keeps the sessions of TLS. What is a function already leads through a proxy.
    this.options = { ...options, connect: typeof connect === 'function' ? connect : buildConnector(connect ?? {}) };
  }

  /** Connections that are open or being opened. */
  get size(): number {
    return this.all.size;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const client = this.idle.pop() ?? this.make();
    this.busy.add(client);
    client.dispatch(options, handler);
    // Where the request was refused at once, nothing drains.
    if (client.stats.size === 0) this.give(client);
    return true;
  }

  /** @returns a new one, for one request now; then it is idle */
  extra(): Client {
    const client = this.make();
    this.busy.add(client);
    return client;
  }

  override async close(): Promise<void> {
    await Promise.all(Array.from(this.all, (client) => client.close()));
  }

  override async destroy(): Promise<void> {
    this.isDestroyed = true;
    await Promise.all(Array.from(this.all, (client) => client.destroy()));
  }

  private make(): Client {
    const client = new Client(this.origin, this.options);
    this.all.add(client);
    client.on('drain', () => this.give(client));
    client.on('disconnect', () => {
      if (!this.busy.has(client)) this.drop(client);
    });
    // It then tells the request so.
    if (this.isDestroyed) this.drop(client);
    return client;
  }

  private give(client: Client): void {
    if (!this.busy.delete(client)) return;
    if (client.stats.connected) this.idle.push(client);
    else this.drop(client);
  }

  private drop(client: Client): void {
    this.all.delete(client);
    this.busy.delete(client);
    this.idle = this.idle.filter((each) => each !== client);
    // One that is closing ends by itself.
    if (!client.closed && !client.destroyed) void client.destroy();
  }
}

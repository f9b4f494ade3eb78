import type { Logger } from 'pino';
import type { Config, ServiceName } from './config.ts';
import type { Service } from './http/service.ts';
import type { TlsFiles } from './http/tls-files.ts';
import { reachableHost } from './public-address.ts';

const portOf = (config: Config, service: ServiceName): number =>
  config.HTTP_PORT ?? { bff: config.BFF_PORT, 'device-manager': config.DEVICE_MANAGER_PORT, 'user-manager': config.USER_MANAGER_PORT }[service];

/** Where a service is: for others, and for the services in this process. */
export interface Place {
  readonly url: string;
  readonly internalUrl: string;
}

/** What listening needs of a start. */
export interface Listening {
  readonly config: Config;
  readonly log: Logger;
  /** What is to be undone, last first. */
  readonly started: (() => Promise<void> | void)[];
}

const tlsFilesOf = ({ config: { TLS_CERT, TLS_KEY }, log }: Listening, name: ServiceName): TlsFiles | undefined => {
  if (TLS_CERT === undefined || TLS_KEY === undefined) return undefined;
  const onReload = (error: Error | undefined): void => {
    if (error === undefined) log.info({ service: name }, 'certificate and key were read again');
    else log.error({ service: name, error: error.name }, 'the changed certificate and key cannot be used: those read before stay');
  };
  return { certPath: TLS_CERT, keyPath: TLS_KEY, onReload };
};

/**
 * Has a service listen where the settings say. With TLS, the services of this process speak over a port of loopback that the system
 * chooses: no certificate names that address. Rejects when a port or a file cannot be used.
 */
export const listen = async (starting: Listening, service: Service, name: ServiceName): Promise<Place> => {
  const { config, started, log } = starting;
  started.push(service.stop);
  const tls = tlsFilesOf(starting, name);
  const { url, port } = await service.listen(portOf(config, name), config.HOST, tls);
  log.info({ service: name, url }, 'listening');
  const host = reachableHost(config.HOST);
  const reachable = host === config.HOST ? url : `${tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const isAskedHere = name !== 'bff' && config.SERVICES.length > 1;
  return { url: reachable, internalUrl: tls !== undefined && isAskedHere ? (await service.listen(0, '127.0.0.1')).url : reachable };
};


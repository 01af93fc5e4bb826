/**
 * The configuration of one view: which resolvers stand behind it, what it answers itself, and what it does not answer.
 *
 * Limitations: files are as they are written; who reads them knows the configuration's folder.
 */
import type { Name } from '../../../core/index.ts';
import { forwardServer, issueMessage, schema, type ForwardServer } from '../../../core/index.ts';

/** A zone that is answered out of a file. */
export interface ViewZone {
  readonly apex: Name;
  readonly file: string;
}

export interface ViewConfig {
  /** Those without a name are asked by `transport`, whatever is written in them. */
  readonly upstreams: readonly ForwardServer[];
  readonly transport: 'udp' | 'tcp';
  readonly ca?: string | undefined;
  readonly zones: readonly ViewZone[];
  readonly blocked: readonly string[];
  readonly allowed: readonly string[];
  readonly 'block-answer': 'nxdomain' | 'nodata' | 'refused';
  readonly 'proxy-protocol': boolean;
  readonly 'client-subnet': 'strip' | 'pass';
}

const { z } = schema;
/** Of one view. */
const maxUpstreams = 16;
const maxZones = 1000;
const maxLists = 32;

const upstream = schema.textBlock({ what: 'the address of a resolver', example: '127.0.0.1:5300' }, (text) =>
  forwardServer(text, 'udp'),
);

/** One file or several. */
const files = (example: string) =>
  z
    .union([
      schema.filePath(example).transform((file) => [file]),
      z.array(schema.filePath(example)).max(maxLists),
    ])
    .default([])
    .meta({ what: 'a path, or a list of paths', example });

const aboutZones = { what: 'a map of zones and their files', example: '{ corp.example: corp.zone }' };
const zones = z
  .record(z.string(), schema.filePath('corp.zone'))
  .meta(aboutZones)
  .transform((written, context): ViewZone[] => {
    const read: ViewZone[] = [];
    for (const [text, file] of Object.entries(written)) {
      const refuse = (wrong: string, right: string): void => {
        context.addIssue({
          code: 'custom',
          message: issueMessage({ wrong, right }),
          path: [text],
          input: written,
        });
      };
      const name = schema.domainName().safeParse(text);
      if (!name.success)
        refuse('is no domain name', 'write the name of the zone, as corp.example: corp.zone');
      else if (read.some(({ apex }) => apex.equals(name.data))) refuse('stands twice', 'keep one');
      else if (read.length === maxZones)
        refuse(`more than ${String(maxZones)} zones`, 'serve them by a name server');
      else read.push({ apex: name.data, file });
    }
    return read;
  })
  .default([]);

/** The keys; a gate may have more of them in its views, and then checks the whole with `checkView`. */
export const viewKeys = {
  upstreams: z.array(upstream).min(1).max(maxUpstreams).default([]).meta({
    description:
      'Resolvers that questions are forwarded to, the first that works first; `ADDRESS:PORT`, or `ADDRESS:PORT#NAME` for DNS over TLS with a server of that name. May be left out where `zones` has all that is to be answered.',
    what: 'a list of resolvers',
    example: '["127.0.0.1:5300"]',
  }),
  transport: schema.choice(['udp', 'tcp']).default('udp').meta({
    description:
      'How the upstreams without a name are asked: `udp`, and `tcp` only where an answer is too long, or always `tcp`.',
  }),
  ca: schema.filePath('/etc/danced/upstream-ca.pem').optional().meta({
    description:
      'PEM file of the authorities that the certificates of upstreams by TLS are checked by; else those that Node has.',
  }),
  zones: zones.meta({
    ...aboutZones,
    description:
      'Zones that are answered out of zone files, without asking an upstream; the most specific decides. What a file delegates is forwarded, and aliases are followed. Read again on SIGHUP.',
  }),
  blocked: files('blocked.txt').meta({
    description:
      'Files of names that are not answered, nor any name below them: one name a line, `#` begins a comment; lines of hosts files and `||name^` are taken too. Read again on SIGHUP.',
  }),
  allowed: files('allowed.txt').meta({
    description:
      'Files of the only names that are answered, with all below them. Of a blocked and an allowed name the longer decides; of equal ones, the blocked.',
  }),
  'block-answer': schema.choice(['nxdomain', 'nodata', 'refused']).default('nxdomain').meta({
    description:
      'What is said of a blocked name: that there is no such name, that it has no such records, or REFUSED; always with the Extended DNS Error 15 (Blocked).',
  }),
  'proxy-protocol': schema.flag().default(false).meta({
    description:
      'Tells the upstreams who asks, with the PROXY protocol, version 2, and the client’s name in it. They must expect it, and may answer each client otherwise: so nothing of it is kept in memory.',
  }),
  'client-subnet': schema.choice(['strip', 'pass']).default('strip').meta({
    description:
      'Whether the Client Subnet option of a question (RFC 7871) is taken away before it is forwarded, or passed on.',
  }),
};

/** One view with nothing but its own keys. */
export const viewSchema: schema.ConfigSchema<ViewConfig> = z.strictObject(viewKeys).superRefine(checkView);

/** What no key can say of itself alone. */
export function checkView(view: ViewConfig, context: schema.z.RefinementCtx): void {
  const refuse = (key: keyof ViewConfig, wrong: string, right: string): void => {
    context.addIssue({ code: 'custom', message: issueMessage({ wrong, right }), path: [key], input: view });
  };
  if (view.upstreams.length === 0 && view.zones.length === 0) {
    refuse(
      'upstreams',
      'missing, and there are no zones either',
      'for example: upstreams: ["127.0.0.1:5300"]',
    );
  }
  const overTls = view.upstreams.filter(({ tls }) => tls !== undefined).length;
  if (overTls > 0 && overTls < view.upstreams.length) {
    // RFC 8310 section 5.1: when TLS fails, the question must not leave in clear to the next one.
    refuse('upstreams', 'some with a name after #, some without', 'write TLS for all of them, or for none');
  }
  if (view.ca !== undefined && overTls === 0) {
    refuse(
      'ca',
      'has no effect: no upstream has a name after #',
      'take it out, or write 192.0.2.1:853#dns.example',
    );
  }
  if (view['proxy-protocol'] && view.upstreams.length === 0) {
    refuse('proxy-protocol', 'has no effect without upstreams', 'take it out');
  }
}

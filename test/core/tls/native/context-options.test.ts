import { expect } from 'chai';
import tls from 'node:tls';
import { tlsFeatures, type ContextOptions } from '../../../../core/tls/native/native.ts';
import { theAddon } from '../../../support/native-bed.ts';

describe('setUpContext of the addon', function () {
  before(() => {
    theAddon();
  });

  const sound: ContextOptions = { isServer: true, largestCertificateMessage: 1000 };
  const set = (options: unknown, context: unknown = tls.createSecureContext({ ca: [] })): void => {
    theAddon().setUpContext(context as tls.SecureContext, options as ContextOptions);
  };

  const ownExtensions: [string, number][] = [
    ['supported_groups', 10],
    ['application_layer_protocol_negotiation', 16],
    ['client_certificate_type', 19],
    ['supported_versions', 43],
    ['key_share', 51],
    ['renegotiation_info', 0xff01],
  ];
  for (const [title, extensionType] of ownExtensions) {
    it(`refuses ${title}, an extension of OpenSSL's own`, () => {
      expect(() => {
        set({ ...sound, extensionType });
      }).to.throw('the TLS context does not take SSL_CTX_add_custom_ext');
    });
  }

  const wrong: [title: string, options: unknown, words: string][] = [
    ['no options', undefined, 'not a SecureContext with options'],
    ['text for options', 'isServer', 'not a SecureContext with options'],
    ['a number of two octets and one more', { ...sound, extensionType: 65_536 }, 'from 0 to 65535'],
    ['a negative number', { ...sound, extensionType: -1 }, 'extensionType must be a whole number'],
    ['half a number', { ...sound, extensionType: 1.5 }, 'extensionType must be a whole number'],
    ['NaN', { ...sound, extensionType: NaN }, 'extensionType must be a whole number'],
    ['text for a number', { ...sound, extensionType: '1' }, 'extensionType must be a whole number'],
    ['a BigInt', { ...sound, extensionType: 1n }, 'extensionType must be a whole number'],
    ['a Symbol', { ...sound, extensionType: Symbol('1') }, 'extensionType must be a whole number'],
    ['no largest message', { isServer: true }, 'largestCertificateMessage must be a whole number from 1'],
    ['a largest message of nothing', { ...sound, largestCertificateMessage: 0 }, 'from 1 to 16777215'],
    ['more than any message has', { ...sound, largestCertificateMessage: 2 ** 24 }, 'from 1 to 16777215'],
    ['padding beyond a record', { ...sound, recordPadding: 16_385 }, 'from 0 to 16384'],
    ['a number for a flag', { ...sound, isServer: 1 }, 'isServer must be true or false'],
    ['text for octets', { ...sound, body: 'name' }, 'body must be a Buffer'],
    [
      'an array for octets',
      { ...sound, clientCertificateTypes: [2] },
      'clientCertificateTypes must be a Buffer',
    ],
    ['a body longer than any name', { ...sound, body: Buffer.alloc(257) }, '256 octets at most'],
    [
      'a type of certificate that is none',
      { ...sound, clientCertificateTypes: Buffer.from([1]) },
      'set1_client',
    ],
    ['types that are there twice', { ...sound, serverCertificateTypes: Buffer.from([2, 2]) }, 'set1_server'],
    ['a client without a verdict', { ...sound, isServer: false }, 'verifyServer must be a function'],
    ['a verdict that is none', { ...sound, verifyServer: true }, 'verifyServer must be a function'],
    [
      'options that throw',
      Object.defineProperty({ ...sound }, 'body', { get: () => thrown('own words') }),
      'own words',
    ],
  ];
  for (const [title, options, words] of wrong) {
    it(`refuses ${title}`, () => {
      expect(() => {
        set(options);
      }).to.throw(words);
    });
  }

  const noContexts: [title: string, context: unknown][] = [
    ['undefined', undefined],
    ['null', null],
    ['a number', 1],
    ['text', 'context'],
    ['an empty object', {}],
    ['an object with something else in it', { context: {} }],
    ['an object with a number in it', { context: 5 }],
    ['an object with nothing in it', { context: null }],
    ['a look-alike', Object.create(Object.getPrototypeOf(tls.createSecureContext({ ca: [] })) as object)],
    ['a function', () => undefined],
    ['an object that throws', Object.defineProperty({}, 'context', { get: () => thrown('own words') })],
  ];
  for (const [title, context] of noContexts) {
    it(`refuses ${title} for a context`, () => {
      expect(() => {
        theAddon().setUpContext(context as tls.SecureContext, sound);
      }).to.throw(/not a SecureContext|own words/);
    });
  }

  it('refuses a second set-up of one context', () => {
    const context = tls.createSecureContext({ ca: [] });
    set(sound, context);
    expect(() => {
      set(sound, context);
    }).to.throw('a second set-up of one context');
  });

  it('takes the largest and the smallest that there is', () => {
    set({ ...sound, extensionType: 0xffff, recordPadding: 16_384, largestCertificateMessage: 2 ** 24 - 1 });
    set({ isServer: true, largestCertificateMessage: 1, recordPadding: 1, body: Buffer.alloc(0) });
  });
});

describe('the other functions of the addon', function () {
  before(() => {
    theAddon();
  });

  it('know no handshake by anything but its Finished message', () => {
    const takeHandshake = (finished: unknown): unknown => theAddon().takeHandshake(finished as Buffer);
    const detached = Buffer.from(new ArrayBuffer(32));
    structuredClone(detached.buffer, { transfer: [detached.buffer] });
    const odd = [
      undefined,
      null,
      1,
      'a',
      {},
      Buffer.alloc(0),
      Buffer.alloc(32),
      Buffer.alloc(100_000),
      detached,
    ];
    for (const finished of odd) expect(takeHandshake(finished)).to.equal(undefined);
  });

  it('send no alert to a connection that is none, whatever its number', () => {
    const sendAlert = (id: unknown, description: unknown): unknown =>
      theAddon().sendAlert(id as number, description as number);
    const ids = [
      undefined,
      null,
      'a',
      {},
      1n,
      Symbol('1'),
      NaN,
      Infinity,
      -Infinity,
      -1,
      0,
      0.5,
      1e300,
      2 ** 53,
      2 ** 64,
      123_456_789,
    ];
    for (const id of ids) expect(sendAlert(id, 40)).to.equal(false);
    expect(sendAlert({ valueOf: () => thrown('not asked') }, 40)).to.equal(false);
    for (const description of [undefined, 'a', NaN, -1, 256, 1e10, 1n]) {
      expect(sendAlert(1, description)).to.equal(false);
    }
  });

  it('say what there is', () => {
    const { addon, extension, rawPublicKeys, recordPadding, alerts, openssl, problem } = tlsFeatures();
    expect({ addon, extension, rawPublicKeys, recordPadding, alerts, problem }).to.deep.equal({
      addon: true,
      extension: true,
      rawPublicKeys: true,
      recordPadding: true,
      alerts: true,
      problem: undefined,
    });
    expect(theAddon().openssl).to.equal(openssl.split('+')[0]);
  });
});

function thrown(words: string): never {
  throw new Error(words);
}

import { expect } from 'chai';
import type { ListenerTls } from '../../../core/plugin/contract.ts';
import { ListenerTlsState, type ListenerTlsMeans } from '../../../core/server/listener-tls.ts';
import { defaultExtensionType } from '../../../core/tls/client-id.ts';
import type { LoadedIdentity } from '../../../core/tls/identity.ts';
import { defaultListenerTls } from '../../support/gate-bed.ts';
import { asLoaded, issueTestIdentity } from '../../support/test-identity.ts';

const all = { extension: true, rawPublicKeys: true };
const none = { extension: false, rawPublicKeys: false };

describe('the TLS of a listener', () => {
  let identity: LoadedIdentity;
  let other: LoadedIdentity;

  before(async () => {
    identity = asLoaded(await issueTestIdentity('gate.example'));
    other = asLoaded(await issueTestIdentity('gate.example'));
  });

  function state(tls: Partial<ListenerTls> = {}, means: Partial<ListenerTlsMeans> = {}): ListenerTlsState {
    return new ListenerTlsState(
      { ...defaultListenerTls, ...tls },
      { identity: () => identity, extensionType: defaultExtensionType, features: all, ...means },
    );
  }

  it('has one context, however often it is asked for', () => {
    const listener = state();
    expect(listener.context()).to.equal(listener.context());
  });

  it('makes another when our identity is another', () => {
    let own = identity;
    const listener = state({}, { identity: () => own });
    const before = listener.context();
    own = other;
    const after = listener.context();
    expect(after).not.to.equal(before);
    expect(listener.context()).to.equal(after);
  });

  it('makes another when it is to speak otherwise', () => {
    const listener = state();
    const before = listener.context();
    listener.set({ ...defaultListenerTls, claims: ['extension'], onFailure: 'anonymous' });
    expect(listener.context()).not.to.equal(before);
    expect(listener.tls).to.deep.include({ claims: ['extension'], onFailure: 'anonymous' });
  });

  it('stays as it was when what it is to speak cannot be had', () => {
    const listener = state({}, { extensionType: defaultExtensionType });
    const before = listener.context();
    expect(() => {
      listener.set({ ...defaultListenerTls, recordPadding: -1 });
    }).to.throw();
    expect(listener.context()).to.equal(before);
    expect(listener.tls.recordPadding).to.equal(0);
  });

  it('goes on without what is only preferred where the addon is missing', () => {
    const { tls } = state({}, { features: none });
    expect(tls).to.deep.include({ claims: ['certificate-name'], rawPublicKeys: false });
  });

  it('takes no other claims than it was told to, also where the addon is missing', () => {
    const { tls } = state({ claims: ['extension'] }, { features: none });
    expect(tls.claims).to.deep.equal(['extension']);
  });
});

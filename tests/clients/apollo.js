// How do these tests use Apollo Client? As it comes, with a note of what it sent and what it showed.

import { ApolloClient, HttpLink, InMemoryCache, NetworkStatus } from '@apollo/client';
import { GraphQL17Alpha9Handler } from '@apollo/client/incremental';

import { authorization, url } from './school.js';

/** A client of `account`, and what it sent: method and media type of each answer. */
export function apollo(account, { link, ...options } = {}) {
  const sent = [];
  const http = {
    uri: url,
    headers: account ? { authorization: authorization(account) } : {},
    fetch: async (address, init) => {
      const response = await fetch(address, init);
      sent.push(`${init.method} ${response.status} ${response.headers.get('content-type').split(';')[0]}`);
      return response;
    },
  };
  const client = new ApolloClient({
    link: link ? link(http) : new HttpLink(http),
    cache: new InMemoryCache(),
    incrementalHandler: new GraphQL17Alpha9Handler(),
    ...options,
  });
  return { client, sent };
}

/** What a watched query shows, until it is ready: the parts of an answer one by one. */
export async function shown(events) {
  const seen = [];
  for (;;) {
    const { value } = await events.next();
    if (value.data) seen.push(value);
    if (value.networkStatus === NetworkStatus.ready) return seen;
  }
}

/** The values of an observable, one by one. */
export function values(observable) {
  const waiting = [];
  const come = [];
  const put = (each) => (waiting.length ? waiting.shift()(each) : come.push(each));
  const subscription = observable.subscribe({
    next: (value) => put({ value, done: false }),
    error: (error) => put(Promise.reject(error)),
    complete: () => put({ done: true }),
  });
  return {
    next: async () => (come.length ? come.shift() : new Promise((resolve) => waiting.push(resolve))),
    end: () => subscription.unsubscribe(),
  };
}

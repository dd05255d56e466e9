// How did it go? The status, time and size of the answer in front, and what this page did on its way.

import { useGraphiQL } from '@graphiql/react';
import { useEffect, useRef, useState } from 'react';

import { bytes, milliseconds } from '../../static/dom.js';

export function Status({ asking }) {
  const tab = useGraphiQL((state) => state.tabs[state.activeTabIndex]?.id);
  const front = useRef(tab);
  const [byTab, setByTab] = useState({});
  useEffect(() => {
    front.current = tab;
  }, [tab]);
  useEffect(() => {
    const keep = ({ detail }) => setByTab((kept) => ({ ...kept, [front.current]: detail }));
    asking.addEventListener('sent', keep);
    return () => asking.removeEventListener('sent', keep);
  }, [asking]);

  const sent = byTab[tab];
  if (!sent) return null;
  const { status, reason, ms, size, notice } = sent;
  return (
    <p className="status" role="status">
      <b className={status < 300 ? 'fine' : 'bad'}>{`${status} ${reason}`.trim()}</b>
      <span>{milliseconds(ms)}</span>
      <span>{bytes(size)}</span>
      {notice && <span className="status-notice">{notice}</span>}
    </p>
  );
}

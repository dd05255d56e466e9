// Who puts the page together? The configuration that the server wrote into it, the session, and GraphiQL around both.

import './workers.js';
import 'graphiql/style.css';
import '@graphiql/plugin-explorer/style.css';
import './page.css';
import './plan/plan.css';

import { createRoot } from 'react-dom/client';

import { Session } from '../../static/session.js';
import { Page } from './Page.jsx';

const config = JSON.parse(document.getElementById('config').textContent);

createRoot(document.getElementById('root')).render(<Page config={config} session={new Session(config)} />);

import { render } from 'preact';
import 'uplot/dist/uPlot.min.css';
import './styles/base.css';
import './styles/frame.css';
import './styles/parts.css';
import './styles/views.css';
import { App } from './app.tsx';
import { startLive } from './state/live.ts';
import { startTheme } from './state/theme.ts';

startTheme();
startLive();
const root = document.getElementById('app');
if (root) {
  root.replaceChildren();
  render(<App />, root);
}

/** Dark or light: the system's wish unless a person chose. */
import { useEffect, useState } from 'preact/hooks';

export type Theme = 'dark' | 'light';
const key = 'seismesh-theme';
const system = matchMedia('(prefers-color-scheme: dark)');
const listeners = new Set<() => void>();

const stored = (): Theme | null => {
  try {
    const value = localStorage.getItem(key);
    return value === 'dark' || value === 'light' ? value : null;
  } catch {
    return null; // storage is switched off in this browser: the system decides
  }
};

let chosen: Theme | null = stored();

const current = (): Theme => chosen ?? (system.matches ? 'dark' : 'light');

const apply = (): void => {
  document.documentElement.dataset.theme = current();
  listeners.forEach(listener => listener());
};

export const toggleTheme = (): void => {
  chosen = current() === 'dark' ? 'light' : 'dark';
  try {
    localStorage.setItem(key, chosen);
  } catch {
    // Not kept beyond this page, then.
  }
  apply();
};

export const startTheme = (): void => {
  system.addEventListener('change', apply);
  apply();
};

export const useTheme = (): Theme => {
  const [theme, setTheme] = useState(current);
  useEffect(() => {
    const update = (): void => setTheme(current());
    listeners.add(update);
    update();
    return () => void listeners.delete(update);
  }, []);
  return theme;
};

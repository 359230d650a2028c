"""An Alertmanager that stands alone, without a cluster."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import yaml

from deploy.stack.server import HttpServer, program, write_whole


class Alertmanager(HttpServer):
    """An Alertmanager on this machine.

    folder: its settings, data and log. config: what alertmanager.yml says, as Alertmanager documents it
    (route and receivers at least). port: a free one by default.
    """

    NAME: ClassVar[str] = "Alertmanager"

    def __init__(self, folder: Path, config: Mapping[str, Any], *, port: int | None = None) -> None:
        super().__init__(folder, port)
        self._config = dict(config)

    def _prepare(self) -> list[str]:
        # Debian's name first: the one that `make setup` installs.
        alertmanager = program("prometheus-alertmanager", "alertmanager")
        settings = self.folder / "alertmanager.yml"
        write_whole(settings, yaml.safe_dump(self._config, sort_keys=False))
        return [
            alertmanager,
            f"--config.file={settings}",
            f"--storage.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            f"--web.external-url={self.url}",
            "--cluster.listen-address=",
        ]

"""Use cases of LBaaS v1 that its successor has not: VIPs, pools that stand alone, monitors that pools share."""

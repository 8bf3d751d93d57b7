"""One daily DAG for each contract: those of logpress, and those in the folders of LOGPRESS_CONTRACTS."""

from airflow.sdk import DAG

from logpress.contract import contract_names, load_contract
from logpress_dags.table import table_dag

for name in contract_names():
    daily: DAG = table_dag(load_contract(name))
    globals()[daily.dag_id] = daily
